
/*
 * Copyright (C) The OAuth gateway authors
 */

/*
 * OpenSSL has SipHash, too, but only behind EVP_MAC: with a kept context and
 * no key it takes 830 instructions where this takes 310 (mean of tokens of 9
 * and 40 bytes).  All that the guard does on a call has to fit into 2,000.
 * The unit test compares the two, beside the vectors of the authors.
 */

#include "ledger_siphash.h"


#define ledger_siphash_rotate(x, n)  ((x) << (n) | (x) >> (64 - (n)))


typedef struct {
    uint64_t  v0;
    uint64_t  v1;
    uint64_t  v2;
    uint64_t  v3;
} ledger_siphash_state_t;


static inline void ledger_siphash_round(ledger_siphash_state_t *s);
static inline uint64_t ledger_siphash_final(ledger_siphash_state_t *s);
static inline void ledger_siphash_word(ledger_siphash_state_t *s,
    uint64_t word);
static inline uint64_t ledger_siphash_load(const unsigned char *p);
static inline uint64_t ledger_siphash_rest(const unsigned char *p, size_t n);


ledger_siphash_t
ledger_siphash(const uint64_t key[2], ledger_slice_t text)
{
    size_t                   n;
    ledger_siphash_t         hash;
    const unsigned char     *p;
    ledger_siphash_state_t   s;

    s.v0 = key[0] ^ 0x736f6d6570736575;
    s.v1 = key[1] ^ 0x646f72616e646f6d ^ 0xee;
    s.v2 = key[0] ^ 0x6c7967656e657261;
    s.v3 = key[1] ^ 0x7465646279746573;

    p = text.data;

    for (n = text.len; n >= 8; n -= 8) {
        ledger_siphash_word(&s, ledger_siphash_load(p));
        p += 8;
    }

    ledger_siphash_word(&s, ledger_siphash_rest(p, n)
                            | (uint64_t) text.len << 56);

    s.v2 ^= 0xee;
    hash.low = ledger_siphash_final(&s);

    s.v1 ^= 0xdd;
    hash.high = ledger_siphash_final(&s);

    return hash;
}


static inline void
ledger_siphash_round(ledger_siphash_state_t *s)
{
    s->v0 += s->v1;
    s->v1 = ledger_siphash_rotate(s->v1, 13) ^ s->v0;
    s->v0 = ledger_siphash_rotate(s->v0, 32);

    s->v2 += s->v3;
    s->v3 = ledger_siphash_rotate(s->v3, 16) ^ s->v2;

    s->v0 += s->v3;
    s->v3 = ledger_siphash_rotate(s->v3, 21) ^ s->v0;

    s->v2 += s->v1;
    s->v1 = ledger_siphash_rotate(s->v1, 17) ^ s->v2;
    s->v2 = ledger_siphash_rotate(s->v2, 32);
}


static inline uint64_t
ledger_siphash_final(ledger_siphash_state_t *s)
{
    ledger_siphash_round(s);
    ledger_siphash_round(s);
    ledger_siphash_round(s);
    ledger_siphash_round(s);

    return s->v0 ^ s->v1 ^ s->v2 ^ s->v3;
}


static inline void
ledger_siphash_word(ledger_siphash_state_t *s, uint64_t word)
{
    s->v3 ^= word;
    ledger_siphash_round(s);
    ledger_siphash_round(s);
    s->v0 ^= word;
}


/* Compilers make one instruction of it, where the machine has one. */

static inline uint64_t
ledger_siphash_load(const unsigned char *p)
{
    return (uint64_t) p[0] | (uint64_t) p[1] << 8
           | (uint64_t) p[2] << 16 | (uint64_t) p[3] << 24
           | (uint64_t) p[4] << 32 | (uint64_t) p[5] << 40
           | (uint64_t) p[6] << 48 | (uint64_t) p[7] << 56;
}


static inline uint64_t
ledger_siphash_rest(const unsigned char *p, size_t n)
{
    size_t    i;
    uint64_t  word;

    word = 0;

    for (i = 0; i < n; i++) {
        word |= (uint64_t) p[i] << (8 * i);
    }

    return word;
}
