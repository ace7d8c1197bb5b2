/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * MESSAGE_ID of the kinds of entries. They are part of the user interface: never change or reuse one.
 * systemd/jobwatchd.catalog has a text for each.
 */

#define MESSAGE_ID_SEEN      "b5a87d18f16c4ecab4d323ba0524d341"
#define MESSAGE_ID_CHANGED   "3ebaf3c66dd24941b8a58d1f26a7da2a"
#define MESSAGE_ID_SUCCEEDED "ba9a3af211b542eb8755ccb1f0490a53"
#define MESSAGE_ID_FAILED    "7d36da647d864815bf0150d33d086ff2"
#define MESSAGE_ID_GONE      "5eb4c1e518724f8ca7344f36881bbc08"
#define MESSAGE_ID_STALLED   "fe9d0b77065947e39edd11b4283b0e31"

#define MESSAGE_ID_STARTED             "17219b64b3f54b19955aca8b4edfebc0"
#define MESSAGE_ID_UNRECOGNISED_STATUS "4724d68ecd5643ccbad8d1c6a803d1a2"
#define MESSAGE_ID_API_UNREACHABLE     "240c42353546494c9894ad9e1df86015"
#define MESSAGE_ID_API_THROTTLED       "3dd5391991b44c329710dc38a52b45d4"
#define MESSAGE_ID_API_UNAUTHORIZED    "43d0498721ca4462bf4d4ec88193fdab"
#define MESSAGE_ID_API_BACK            "c10cc265bf004dd28d60175924d593ff"
#define MESSAGE_ID_STATE_UNWRITABLE    "817955102905478187a1f2993e099293"
#define MESSAGE_ID_DELIVERY_FAILED     "ba899d0373b647059dfb155f2dab29de"
