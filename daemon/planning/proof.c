/* SPDX-License-Identifier: MIT */

/*
 *      valid ──the loop was frozen──> renewing ──heartbeat──> valid
 *        └──────────────┬────────────────┘
 *            no heartbeat for 5 s ──> expired
 */

#include "planning/proof.h"

void proof_begin(struct proof *proof, uint64_t begun_us, uint64_t now_us)
{
        *proof = (struct proof){ .committed_us = begun_us, .looked_us = now_us };
}

enum proof_state proof_check(struct proof *proof, uint64_t committed_us, uint64_t now_us)
{
        if (committed_us > proof->committed_us)
                proof->committed_us = committed_us;
        if (now_us > proof_end_us(proof))
                proof->has_expired = true;
        if (proof->has_expired)
                return PROOF_EXPIRED;
        if (now_us > proof->looked_us + PROOF_GAP_US)
                proof->renew_us = now_us;
        proof->looked_us = now_us;
        return proof->committed_us < proof->renew_us ? PROOF_RENEWING : PROOF_VALID;
}

uint64_t proof_end_us(const struct proof *proof)
{
        return proof->committed_us + PROOF_SPAN_US;
}
