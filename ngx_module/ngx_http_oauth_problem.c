
/*
 * Copyright (C) The OAuth gateway authors
 */


#include "ngx_http_oauth_problem.h"
#include "ngx_http_oauth_ctx.h"


/* Indexed by ngx_http_oauth_problem_e. */

static ngx_http_oauth_problem_t  ngx_http_oauth_problems[] = {

    { ngx_null_string, "", "", NULL, 0, 0, 0 },

    { ngx_string("superseded"),
      "The connection was superseded by a newer one",
      "invalid_grant", NULL, 0, NGX_HTTP_BAD_REQUEST, 0 },

    { ngx_string("revoked"),
      "The connection was revoked",
      "invalid_grant", NULL, 0, NGX_HTTP_BAD_REQUEST, 0 },

    { ngx_string("broken"),
      "The provider no longer accepts the connection",
      "invalid_grant", NULL, 0, NGX_HTTP_BAD_REQUEST, 0 },

    { ngx_string("expired"),
      "The connection has expired",
      "invalid_grant", NULL, 0, NGX_HTTP_BAD_REQUEST, 0 },

    { ngx_string("rotated"),
      "The token was replaced by a newer one of its connection",
      "invalid_grant", NULL, 0, NGX_HTTP_BAD_REQUEST, 0 },

    { ngx_string("unknown"),
      "The token is not known here",
      "invalid_grant",
      "This token was not issued through the gateway, and unknown tokens are "
      "refused here. Retrying does not help: this caller has to connect "
      "through the gateway.",
      0, NGX_HTTP_BAD_REQUEST, 0 },

    { ngx_string("invalid-request"),
      "The request cannot be read",
      "invalid_request", NULL, NGX_HTTP_BAD_REQUEST, NGX_HTTP_BAD_REQUEST, 0 },

    { ngx_string("too-large"),
      "The request body is too large",
      "invalid_request", NULL, NGX_HTTP_REQUEST_ENTITY_TOO_LARGE,
      NGX_HTTP_REQUEST_ENTITY_TOO_LARGE, 0 },

    { ngx_string("invalid-credentials"),
      "The request does not carry exactly one well-formed token",
      "invalid_request", NULL, NGX_HTTP_BAD_REQUEST, NGX_HTTP_BAD_REQUEST, 0 },

    { ngx_string("misplaced-grant"),
      "A token request must go to the token endpoint",
      "invalid_request",
      "This is a token request, but it was sent to an address of the API, "
      "where it cannot be recorded, and was refused. It has to go to the "
      "token endpoint.",
      NGX_HTTP_BAD_REQUEST, NGX_HTTP_BAD_REQUEST, 1 },

    { ngx_string("unavailable"),
      "The ledger cannot be reached now",
      "temporarily_unavailable",
      "The gateway cannot reach its ledger now, and nothing was sent to the "
      "provider. The tokens of this caller are unchanged: try again in a "
      "moment.",
      NGX_HTTP_SERVICE_UNAVAILABLE, NGX_HTTP_SERVICE_UNAVAILABLE, 0 },

    { ngx_string("other-client"),
      "The token was replaced, and its client is another one",
      "invalid_grant",
      "This refresh token was replaced by a newer one, and the request does "
      "not come with the client's own credentials. Nothing was sent to the "
      "provider.",
      0, NGX_HTTP_BAD_REQUEST, 0 },

    { ngx_string("refused-before"),
      "The provider has just refused this refresh token",
      "invalid_grant",
      "The provider refused this refresh token a moment ago, and nothing was "
      "sent to it again. Retrying does not help: this caller has to "
      "reconnect.",
      0, NGX_HTTP_BAD_REQUEST, 0 },

    { ngx_string("busy"),
      "Another refresh of this token has not ended",
      "temporarily_unavailable",
      "Another refresh of this token has not ended, or its answer could not "
      "be recorded. Nothing was sent to the provider: try again in a moment.",
      NGX_HTTP_SERVICE_UNAVAILABLE, NGX_HTTP_SERVICE_UNAVAILABLE, 0 },

    { ngx_string("takeover"),
      "The connect would end the connection of another owner",
      "connection_conflict", NULL, 0, NGX_HTTP_CONFLICT, 0 },

    { ngx_string("other-user"),
      "The user is not one of the integration users",
      "connection_conflict", NULL, 0, NGX_HTTP_CONFLICT, 0 },

    { ngx_string("busy"),
      "Another connect of the same user or account has not ended",
      "temporarily_unavailable",
      "Another connect of the same user or account has not ended, and until "
      "then nobody knows whether this one would end its connection. Nothing "
      "was sent to the provider: try again in a moment.",
      NGX_HTTP_SERVICE_UNAVAILABLE, NGX_HTTP_SERVICE_UNAVAILABLE, 0 }
};


/* Indexed by ledger_verdict_t. */

static ngx_uint_t  ngx_http_oauth_problem_verdicts[] = {
    NGX_HTTP_OAUTH_PROBLEM_NONE,
    NGX_HTTP_OAUTH_PROBLEM_NONE,
    NGX_HTTP_OAUTH_PROBLEM_UNKNOWN,
    NGX_HTTP_OAUTH_PROBLEM_NONE,
    NGX_HTTP_OAUTH_PROBLEM_SUPERSEDED,
    NGX_HTTP_OAUTH_PROBLEM_REVOKED,
    NGX_HTTP_OAUTH_PROBLEM_BROKEN,
    NGX_HTTP_OAUTH_PROBLEM_EXPIRED,
    NGX_HTTP_OAUTH_PROBLEM_ROTATED
};


const ngx_http_oauth_problem_t *
ngx_http_oauth_problem(ngx_uint_t problem)
{
    if (problem > NGX_HTTP_OAUTH_PROBLEM_CONNECTING) {
        problem = NGX_HTTP_OAUTH_PROBLEM_NONE;
    }

    return &ngx_http_oauth_problems[problem];
}


const ngx_str_t *
ngx_http_oauth_problem_word(ngx_uint_t problem)
{
    return &ngx_http_oauth_problem(problem)->word;
}


ngx_uint_t
ngx_http_oauth_problem_of(ngx_http_oauth_ctx_t *ctx)
{
    if (ctx->problem != NGX_HTTP_OAUTH_PROBLEM_NONE) {
        return ctx->problem;
    }

    if (ctx->action == NGX_HTTP_OAUTH_ACTION_FLAG
        && ctx->verdict <= LEDGER_VERDICT_ROTATED)
    {
        return ngx_http_oauth_problem_verdicts[ctx->verdict];
    }

    return NGX_HTTP_OAUTH_PROBLEM_NONE;
}


ngx_uint_t
ngx_http_oauth_problem_ended(ngx_uint_t problem)
{
    return problem >= NGX_HTTP_OAUTH_PROBLEM_SUPERSEDED
           && problem <= NGX_HTTP_OAUTH_PROBLEM_UNKNOWN;
}
