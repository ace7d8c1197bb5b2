/* SPDX-License-Identifier: MIT */
#pragma once

struct doctor;

/* A property of a unit that is a text, owned; NULL: systemd does not reply. */
char *doctor_unit_property(const struct doctor *doctor, const char *unit, const char *name);

/*
 * The environment that systemd gives to the service, NULL-terminated and owned with its texts; NULL: systemd
 * does not reply. It may contain secrets, such as the password of a proxy.
 */
char **doctor_unit_environment(const struct doctor *doctor);
