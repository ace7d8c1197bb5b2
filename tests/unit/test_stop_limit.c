/* SPDX-License-Identifier: MIT */

/* A hook that does not even die of SIGKILL does not hold up the exit. */

#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "stop_scene.h"

static int remove_entry(const char *path, const struct stat *information, int type, struct FTW *walk)
{
        (void)information;
        (void)type;
        (void)walk;
        return remove(path);
}

static void on_ready(void)
{
        scene_cause(OCCURRENCE_SIGTERM);
}

static void test_immortal_hook(void **state)
{
        (void)state;
        char directory[] = "/tmp/jobwatch-stop-XXXXXX";
        const struct scene_options options = { .directory = directory,
                                               .hook_is_immortal = true,
                                               .on_ready = on_ready };

        assert_non_null(mkdtemp(directory));
        assert_int_equal(scene_run(&options), EXIT_STATUS_SUCCESS);
        assert_in_range(scene_now() - scene_ended_at(), 6900, 8000);
        assert_int_equal(nftw(directory, remove_entry, 8, FTW_DEPTH | FTW_PHYS), 0);
}

int main(void)
{
        static const struct CMUnitTest tests[] = { cmocka_unit_test(test_immortal_hook) };

        return cmocka_run_group_tests_name("stop_limit", tests, NULL, NULL);
}
