
/*
 * Copyright (C) The OAuth gateway authors
 */

/*
 * A story: a test with a scene of its own, "s", that is checked at its end.
 * Included by the one file of a program that has a main().
 */

#ifndef _STORY_H_INCLUDED_
#define _STORY_H_INCLUDED_


#include "scene.h"


#define story(test)  cmocka_unit_test_setup_teardown(test, set_up, tear_down)


static scene_t  *s;


static int
set_up(void **state)
{
    (void) state;

    s = scene_create(1u << 28);

    return 0;
}


static int
tear_down(void **state)
{
    (void) state;

    scene_check(s);
    scene_destroy(s);

    return 0;
}


#endif /* _STORY_H_INCLUDED_ */
