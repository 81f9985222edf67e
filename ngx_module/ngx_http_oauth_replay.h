
/*
 * Copyright (C) The OAuth gateway authors
 */

/*
 * The same answer again.
 */

#ifndef _NGX_HTTP_OAUTH_REPLAY_H_INCLUDED_
#define _NGX_HTTP_OAUTH_REPLAY_H_INCLUDED_


#include "ngx_http_oauth_ctx.h"


/*
 * ngx_http_oauth_replay_print() takes the fingerprints of the request under
 * a key of the ring, 0 for the first.  NGX_OK or NGX_ERROR.
 *
 * ngx_http_oauth_replay_keep() seals the answer into ctx->exchange, so that
 * it is kept with the record.  An answer too large for it is not kept.
 *
 * ngx_http_oauth_replay() answers a refresh from what is kept.  What it
 * returns ends the request, but NGX_DECLINED: nothing is kept for it, or an
 * access token that has run out, and there is better (the provider for a
 * token that still stands; heal, where ctx->healing is set); NGX_ABORT: only
 * for other clients, and the token was rotated.
 */

ngx_int_t ngx_http_oauth_replay_print(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx, uint32_t key, ngx_http_oauth_print_t *print);
ngx_int_t ngx_http_oauth_replay_keep(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx, ngx_str_t *answer);
ngx_int_t ngx_http_oauth_replay(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx);

/*
 * The two halves of giving an answer again, for one that was unsealed:
 * ngx_http_oauth_replay_read() makes it the request's message, *type and
 * *text point into "plain"; ngx_http_oauth_replay_give() sends it with its
 * lifetime made shorter.  "changed": the message differs from the text.
 * NGX_OK; NGX_DECLINED: it cannot be read; else what ends the request.
 */

ngx_int_t ngx_http_oauth_replay_read(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx, ngx_str_t *plain, ngx_str_t *type,
    ngx_str_t *text);
ngx_int_t ngx_http_oauth_replay_give(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx, ledger_ms_t stored_at, ngx_uint_t changed,
    ngx_str_t *type, ngx_str_t *text);

/* Writes an answer's plain form: NGX_DECLINED if it is too large to keep. */

ngx_int_t ngx_http_oauth_replay_plain(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx, ngx_str_t *answer, ngx_str_t *plain);


#endif /* _NGX_HTTP_OAUTH_REPLAY_H_INCLUDED_ */
