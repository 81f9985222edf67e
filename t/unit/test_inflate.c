
/*
 * Copyright (C) The OAuth gateway authors
 */

/* Decompression of answers: three formats, a bound, damage. */

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <zlib.h>

#include "ledger_inflate.h"


#define ANSWER_SIZE  3000
#define PACKED_SIZE  8192


static void answer(unsigned char *text, size_t len);
static size_t pack(int bits, int level, const unsigned char *text, size_t len,
    unsigned char *out, size_t size);
static ledger_rc_t unpack(const unsigned char *in, size_t n, size_t max,
    unsigned char **out, size_t *len);
static void test_formats(void **state);
static void test_bound(void **state);
static void test_bomb(void **state);
static void test_cut_at_every_byte(void **state);
static void test_bytes_left_over(void **state);
static void test_damage(void **state);
static void test_no_compression(void **state);
static void test_beyond_zlib(void **state);
static void test_head(void **state);


/* zlib's argument for each of the three formats */

static const int  formats[] = { MAX_WBITS + 16, MAX_WBITS, -MAX_WBITS };

#define FORMATS  (sizeof(formats) / sizeof(formats[0]))


/* An answer of some size that does not compress to nothing. */

static void
answer(unsigned char *text, size_t len)
{
    size_t    i;
    uint32_t  seed;

    seed = 1;

    for (i = 0; i < len; i++) {
        seed = seed * 1103515245 + 12345;
        text[i] = "{\"access_token\": 0123456789abcdef}"[(seed >> 16) % 34];
    }
}


static size_t
pack(int bits, int level, const unsigned char *text, size_t len,
    unsigned char *out, size_t size)
{
    z_stream  stream;

    memset(&stream, 0, sizeof(stream));
    assert_int_equal(deflateInit2(&stream, level, Z_DEFLATED, bits, 8,
                                  Z_DEFAULT_STRATEGY),
                     Z_OK);

    stream.next_in = (Bytef *) text;
    stream.avail_in = (uInt) len;
    stream.next_out = out;
    stream.avail_out = (uInt) size;

    assert_int_equal(deflate(&stream, Z_FINISH), Z_STREAM_END);
    assert_int_equal(deflateEnd(&stream), Z_OK);

    return size - stream.avail_out;
}


/* The code for a copy that ASan guards on both ends. */

static ledger_rc_t
unpack(const unsigned char *in, size_t n, size_t max, unsigned char **out,
    size_t *len)
{
    ledger_rc_t     rc;
    unsigned char  *copy;

    copy = malloc(n + 1);
    assert_non_null(copy);
    memcpy(copy + 1, in, n);

    rc = ledger_inflate((ledger_slice_t) { copy + 1, n }, max, out, len);

    free(copy);

    return rc;
}


static void
test_formats(void **state)
{
    int             level;
    size_t          i, n, len;
    unsigned char   text[ANSWER_SIZE], packed[PACKED_SIZE], *out;

    (void) state;

    answer(text, sizeof(text));

    for (i = 0; i < FORMATS; i++) {
        for (level = 0; level <= 9; level++) {
            n = pack(formats[i], level, text, sizeof(text), packed,
                     sizeof(packed));

            assert_int_equal(unpack(packed, n, 65536, &out, &len), LEDGER_OK);
            assert_int_equal(len, sizeof(text));
            assert_memory_equal(out, text, len);
            free(out);
        }
    }
}


static void
test_bound(void **state)
{
    size_t          i, n, len, max;
    unsigned char   text[ANSWER_SIZE], packed[PACKED_SIZE], *out;

    static const size_t  sizes[] = { 0, 1, 2, 100, 2999, 3000 };

    (void) state;

    answer(text, sizeof(text));

    for (i = 0; i < FORMATS; i++) {
        for (max = 0; max < sizeof(sizes) / sizeof(sizes[0]); max++) {
            n = pack(formats[i], 9, text, sizes[max], packed,
                     sizeof(packed));

            assert_int_equal(unpack(packed, n, sizes[max], &out, &len),
                             LEDGER_OK);
            assert_int_equal(len, sizes[max]);
            free(out);

            if (sizes[max] > 0) {
                assert_int_equal(unpack(packed, n, sizes[max] - 1, &out,
                                        &len),
                                 LEDGER_LIMIT);
            }
        }
    }
}


/* 64 MB of zeros in 64 KB: stopped at the bound. */

static void
test_bomb(void **state)
{
    size_t          n, len;
    unsigned char  *zeros, *packed, *out;

    (void) state;

    zeros = calloc(1, 64 << 20);
    packed = malloc(1 << 20);
    assert_non_null(zeros);
    assert_non_null(packed);

    n = pack(MAX_WBITS + 16, 9, zeros, 64 << 20, packed, 1 << 20);
    free(zeros);

    assert_in_range(n, 1, 128 << 10);
    assert_int_equal(unpack(packed, n, 1 << 20, &out, &len), LEDGER_LIMIT);
    free(packed);
}


static void
test_cut_at_every_byte(void **state)
{
    size_t          i, n, cut, len;
    unsigned char   text[ANSWER_SIZE], packed[PACKED_SIZE], *out;

    (void) state;

    answer(text, sizeof(text));

    for (i = 0; i < FORMATS; i++) {
        n = pack(formats[i], 9, text, sizeof(text), packed, sizeof(packed));

        for (cut = 0; cut < n; cut++) {
            assert_int_equal(unpack(packed, cut, 65536, &out, &len),
                             LEDGER_MALFORMED);
        }
    }
}


static void
test_bytes_left_over(void **state)
{
    size_t          i, n, len;
    unsigned char   text[ANSWER_SIZE], packed[PACKED_SIZE], *out;

    (void) state;

    answer(text, sizeof(text));

    for (i = 0; i < FORMATS; i++) {
        n = pack(formats[i], 9, text, sizeof(text), packed, sizeof(packed));
        packed[n] = 0;

        assert_int_equal(unpack(packed, n + 1, 65536, &out, &len),
                         LEDGER_MALFORMED);
    }
}


/* gzip and zlib carry a checksum: no flipped bit gives another answer. */

static void
test_damage(void **state)
{
    size_t          i, n, bit, len, same;
    unsigned char   text[300], packed[PACKED_SIZE], *out;

    (void) state;

    same = 0;
    answer(text, sizeof(text));

    for (i = 0; i < 2; i++) {
        n = pack(formats[i], 9, text, sizeof(text), packed, sizeof(packed));

        for (bit = 0; bit < 8 * n; bit++) {
            packed[bit / 8] = (unsigned char) (packed[bit / 8]
                                               ^ 1u << bit % 8);

            if (unpack(packed, n, 65536, &out, &len) == LEDGER_OK) {
                assert_int_equal(len, sizeof(text));
                assert_memory_equal(out, text, len);
                free(out);
                same++;
            }

            packed[bit / 8] = (unsigned char) (packed[bit / 8]
                                               ^ 1u << bit % 8);
        }
    }

    /* but for gzip's time, flags and system, and zlib's level */
    assert_in_range(same, 1, 80);
}


static void
test_no_compression(void **state)
{
    size_t          len;
    unsigned char  *out;

    static const unsigned char  json[] = "{\"access_token\":\"a\"}";

    (void) state;

    assert_int_equal(unpack(json, sizeof(json) - 1, 65536, &out, &len),
                     LEDGER_MALFORMED);
    assert_int_equal(ledger_inflate((ledger_slice_t) { NULL, 0 }, 65536,
                                    &out, &len),
                     LEDGER_MALFORMED);
}


/* zlib counts in unsigned int: what it cannot count is not begun. */

static void
test_beyond_zlib(void **state)
{
    size_t          len;
    unsigned char  *out, byte;

    (void) state;

    byte = 0;

    assert_int_equal(ledger_inflate((ledger_slice_t) {
                                        &byte, (size_t) UINT_MAX + 1 },
                                    10, &out, &len),
                     LEDGER_LIMIT);
    assert_int_equal(ledger_inflate((ledger_slice_t) { &byte, 1 }, UINT_MAX,
                                    &out, &len),
                     LEDGER_LIMIT);
}


/* What can be had of a part is the beginning of the whole. */

static void
test_head(void **state)
{
    size_t         i, n, cut, len;
    unsigned char  text[ANSWER_SIZE], packed[PACKED_SIZE], out[ANSWER_SIZE];

    (void) state;

    answer(text, sizeof(text));

    for (i = 0; i < FORMATS; i++) {
        n = pack(formats[i], 6, text, sizeof(text), packed, sizeof(packed));

        for (cut = 0; cut <= n; cut++) {
            len = ledger_inflate_head((ledger_slice_t) { packed, cut }, out,
                                      sizeof(out));

            assert_true(len <= sizeof(out));
            assert_memory_equal(out, text, len);
        }

        assert_int_equal(len, sizeof(text));

        len = ledger_inflate_head((ledger_slice_t) { packed, n }, out, 100);
        assert_int_equal(len, 100);
        assert_memory_equal(out, text, len);
    }

    memcpy(packed, "\x1f\x8b..", 4);
    assert_int_equal(ledger_inflate_head((ledger_slice_t) { packed, 4 }, out,
                                         sizeof(out)),
                     0);
    assert_int_equal(ledger_inflate_head((ledger_slice_t) {
                                             packed, (size_t) UINT_MAX + 1 },
                                         out, sizeof(out)),
                     0);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_formats),
        cmocka_unit_test(test_bound),
        cmocka_unit_test(test_bomb),
        cmocka_unit_test(test_cut_at_every_byte),
        cmocka_unit_test(test_bytes_left_over),
        cmocka_unit_test(test_damage),
        cmocka_unit_test(test_no_compression),
        cmocka_unit_test(test_beyond_zlib),
        cmocka_unit_test(test_head),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
