/* SPDX-License-Identifier: MIT */
#pragma once

#include "state/postgresql/connection.h"

/*
 * The schema `jobwatchd` has the table of all instances. The tables of an instance are in a schema of its
 * own, jobwatchd_N, N being its number there.
 */

/* Finds the instance, or creates it, unless it must exist (-ENOENT): sets `number`. */
int schema_find(struct postgresql *postgresql);

/* Creates the tables of the instance, or those of later versions, and uses them. The instance is locked. */
int schema_use(struct postgresql *postgresql);

/* Uses the tables of the instance, if they are there and of this version: returns 1, else 0. */
int schema_find_current(struct postgresql *postgresql);
