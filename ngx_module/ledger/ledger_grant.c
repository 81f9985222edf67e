
/*
 * Copyright (C) The OAuth gateway authors
 */

#include "ledger_grant.h"

#include <string.h>
#include <strings.h>

#include <openssl/crypto.h>

#include "ledger_decode.h"


/* The longest name that is known, each of its bytes as "\u0067". */
#define LEDGER_GRANT_RAW_MAX  (6 * LEDGER_GRANT_MAX)


/* Where a scan of JSON stands. */

typedef struct {
    ledger_slice_t   text;
    ledger_slice_t   name;      /* of the member; data is NULL: none yet */
    size_t           depth;
    int              value;     /* a ':' stood behind the name */
    unsigned         found;
} ledger_grant_json_t;


static unsigned ledger_grant_plain(ledger_slice_t text);
static size_t ledger_grant_narrow(ledger_slice_t text, unsigned char *out);
static size_t ledger_grant_unit(ledger_slice_t text, size_t *mark,
    int *little);
static unsigned ledger_grant_form_pair(ledger_slice_t pair);
static ledger_slice_t ledger_grant_decoded(ledger_slice_t raw,
    unsigned char *buf);
static unsigned ledger_grant_parts(ledger_slice_t text);
static unsigned ledger_grant_part(ledger_slice_t text);
static int ledger_grant_parameter(ledger_slice_t header, const char *name,
    ledger_slice_t *value);
static unsigned ledger_grant_json(ledger_slice_t text);
static size_t ledger_grant_json_word(ledger_grant_json_t *scan, size_t i);
static size_t ledger_grant_json_mark(ledger_grant_json_t *scan, size_t i);
static void ledger_grant_json_take(ledger_grant_json_t *scan,
    ledger_slice_t word);
static size_t ledger_grant_json_string(ledger_slice_t text, size_t i);
static size_t ledger_grant_json_comment(ledger_slice_t text, size_t i);
static ledger_slice_t ledger_grant_unescape(ledger_slice_t raw,
    unsigned char *buf);
static unsigned char ledger_grant_unicode(const unsigned char *hex);
static unsigned ledger_grant_member(ledger_slice_t name,
    ledger_slice_t value);
static int ledger_grant_known(ledger_slice_t value);
static int ledger_grant_is(ledger_slice_t name, const char *known,
    unsigned *found);
static ledger_slice_t ledger_grant_trim(ledger_slice_t text);
static ledger_slice_t ledger_grant_rest(ledger_slice_t text, size_t skip);
static int ledger_grant_is_space(unsigned char c);


/* RFC 6749, 7523, 8628, 8693, OpenID CIBA; account_credentials is Zoom's. */

static const char  *ledger_grant_types[] = {
    "authorization_code",
    "refresh_token",
    "password",
    "client_credentials",
    "account_credentials",
    NULL
};

static const char  *ledger_grant_prefixes[] = {
    "urn:ietf:params:oauth:grant-type:",
    "urn:openid:params:grant-type:",
    NULL
};

static const char  *ledger_grant_credentials[] = {
    "code",
    "refresh_token",
    "password",
    "client_secret",
    "client_assertion",
    "assertion",
    "subject_token",
    "device_code",
    "auth_req_id",
    "account_id",
    NULL
};


unsigned
ledger_grant_text(ledger_slice_t text)
{
    size_t          n;
    unsigned        found;
    unsigned char   buf[LEDGER_GRANT_WIDE_MAX / 2];

    n = ledger_grant_narrow(text, buf);

    if (n == 0) {
        return ledger_grant_plain(text);
    }

    found = ledger_grant_plain((ledger_slice_t) { buf, n });

    OPENSSL_cleanse(buf, n);

    return found;
}


static unsigned
ledger_grant_plain(ledger_slice_t text)
{
    if (text.len >= 3 && memcmp(text.data, "\xef\xbb\xbf", 3) == 0) {
        text = ledger_grant_rest(text, 3);
    }

    text = ledger_grant_trim(text);

    if (text.len > 0 && text.data[0] == '{') {
        return ledger_grant_json(text);
    }

    return ledger_grant_form(text) | ledger_grant_parts(text);
}


/*
 * Writes what is ASCII in a text of UTF-16 or UTF-32, and '?' for the rest:
 * all names that are looked for are ASCII.  0: it is neither.
 */

static size_t
ledger_grant_narrow(ledger_slice_t text, unsigned char *out)
{
    int                   little;
    size_t                i, n, unit, low;
    const unsigned char  *p;

    unit = ledger_grant_unit(text, &i, &little);

    if (unit == 1) {
        return 0;
    }

    if (text.len > LEDGER_GRANT_WIDE_MAX) {
        text.len = LEDGER_GRANT_WIDE_MAX;
    }

    low = little ? 0 : unit - 1;

    for (n = 0; i + unit <= text.len; i += unit) {
        p = text.data + i;

        out[n++] = (p[low] < 0x80 && p[unit - 1 - low] == 0
                    && (unit == 2 || (p[1] == 0 && p[2] == 0)))
                   ? p[low] : '?';
    }

    return n;
}


/* By its byte order mark, or by the zeros of a first character in ASCII. */

static size_t
ledger_grant_unit(ledger_slice_t text, size_t *mark, int *little)
{
    size_t                i;
    const unsigned char  *p;

    static const struct {
        char              head[5];
        unsigned char     head_len;
        unsigned char     zeros;
        unsigned char     unit;
        unsigned char     mark;
        unsigned char     little;
    } forms[] = {
        { "\xff\xfe\0\0", 4, 0x0, 4, 4, 1 },
        { "\0\0\xfe\xff", 4, 0x0, 4, 4, 0 },
        { "\xff\xfe",     2, 0x0, 2, 2, 1 },
        { "\xfe\xff",     2, 0x0, 2, 2, 0 },
        { "",             0, 0xe, 4, 0, 1 },
        { "",             0, 0x7, 4, 0, 0 },
        { "",             0, 0xa, 2, 0, 1 },
        { "",             0, 0x5, 2, 0, 0 }
    };

    p = text.data;
    *mark = 0;
    *little = 0;

    if (text.len < 4) {
        return 1;
    }

    for (i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {

        if (forms[i].zeros != 0
            ? forms[i].zeros == ((p[0] == 0) | (p[1] == 0) << 1
                                 | (p[2] == 0) << 2 | (p[3] == 0) << 3)
            : memcmp(p, forms[i].head, forms[i].head_len) == 0)
        {
            *mark = forms[i].mark;
            *little = forms[i].little;
            return forms[i].unit;
        }
    }

    return 1;
}


unsigned
ledger_grant_form(ledger_slice_t text)
{
    size_t                n;
    unsigned              found;
    const unsigned char  *p;

    found = 0;

    while (text.len > 0) {
        p = memchr(text.data, '&', text.len);
        n = (p != NULL) ? (size_t) (p - text.data) : text.len;

        found |= ledger_grant_form_pair((ledger_slice_t) { text.data, n });

        text = ledger_grant_rest(text, n + (p != NULL));
    }

    return found;
}


static unsigned
ledger_grant_form_pair(ledger_slice_t pair)
{
    size_t                n;
    ledger_slice_t        name, value;
    unsigned char         names[LEDGER_GRANT_RAW_MAX];
    unsigned char         values[LEDGER_GRANT_RAW_MAX];
    const unsigned char  *p;

    p = (pair.len > 0) ? memchr(pair.data, '=', pair.len) : NULL;

    if (p == NULL) {
        return 0;
    }

    n = (size_t) (p - pair.data);

    name = ledger_grant_decoded((ledger_slice_t) { pair.data, n }, names);
    value = ledger_grant_rest(pair, n + 1);

    if (value.len <= sizeof(values)) {
        value = ledger_grant_decoded(value, values);
    }

    return ledger_grant_member(name, value);
}


/* What is too long for a known name, or broken, is left as it is. */

static ledger_slice_t
ledger_grant_decoded(ledger_slice_t raw, unsigned char *buf)
{
    size_t  len;

    if (raw.len > LEDGER_GRANT_RAW_MAX
        || ledger_decode_form(raw, buf, &len) != LEDGER_OK)
    {
        return raw;
    }

    return (ledger_slice_t) { buf, len };
}


/* RFC 7578; by the header of each part, whatever the boundary is. */

static unsigned
ledger_grant_parts(ledger_slice_t text)
{
    unsigned              found;
    const unsigned char  *p;

    static const char  field[] = "Content-Disposition:";

    found = 0;

    for ( ;; ) {

        if (text.len >= sizeof(field) - 1
            && strncasecmp((const char *) text.data, field,
                           sizeof(field) - 1)
               == 0)
        {
            found |= ledger_grant_part(text);
        }

        p = (text.len > 0) ? memchr(text.data, '\n', text.len) : NULL;

        if (p == NULL) {
            return found;
        }

        text = ledger_grant_rest(text, (size_t) (p - text.data) + 1);
    }
}


static unsigned
ledger_grant_part(ledger_slice_t text)
{
    size_t          i, end;
    ledger_slice_t  name, file, value;

    /* the header ends at the first line with nothing in it */

    for (i = 0; i < text.len; i++) {
        if (text.data[i] == '\n' && i + 1 < text.len
            && (text.data[i + 1] == '\n'
                || (text.data[i + 1] == '\r' && i + 2 < text.len
                    && text.data[i + 2] == '\n')))
        {
            break;
        }
    }

    value = ledger_grant_rest(text, i);
    text.len = i;

    if (!ledger_grant_parameter(text, "name", &name)
        || ledger_grant_parameter(text, "filename", &file))
    {
        return 0;
    }

    value = ledger_grant_trim(value);

    for (end = 0; end < value.len; end++) {
        if (value.data[end] == '\r' || value.data[end] == '\n') {
            break;
        }
    }

    value.len = end;

    return ledger_grant_member(name, value);
}


static int
ledger_grant_parameter(ledger_slice_t header, const char *name,
    ledger_slice_t *value)
{
    size_t         i, len;
    unsigned char  quote;

    len = strlen(name);

    for (i = 1; i + len < header.len; i++) {

        if ((header.data[i - 1] == ';'
             || ledger_grant_is_space(header.data[i - 1]))
            && strncasecmp((const char *) header.data + i, name, len) == 0
            && header.data[i + len] == '=')
        {
            break;
        }
    }

    if (i + len >= header.len) {
        return 0;
    }

    header = ledger_grant_rest(header, i + len + 1);

    quote = (header.len > 0 && header.data[0] == '"') ? '"' : ';';

    if (quote == '"') {
        header = ledger_grant_rest(header, 1);
    }

    for (i = 0; i < header.len && header.data[i] != quote; i++) {
        /* void */
    }

    *value = (ledger_slice_t) { header.data, i };

    return 1;
}


/*
 * No parser: it finds the members of the top level in what a lenient one
 * may still read, with comments, single quotes or names without quotes.
 */

static unsigned
ledger_grant_json(ledger_slice_t text)
{
    size_t               i;
    unsigned char        c;
    ledger_grant_json_t  scan;

    scan = (ledger_grant_json_t) { .text = text };

    for (i = 0; i < text.len; /* void */ ) {
        c = text.data[i];

        if (c == '"' || c == '\''
            || (c >= '0' && c <= '9') || c == '-' || c == '_'
            || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z'))
        {
            i = ledger_grant_json_word(&scan, i);

        } else {
            i = ledger_grant_json_mark(&scan, i);
        }
    }

    return scan.found;
}


/* A string, a number or a bare word; what follows it. */

static size_t
ledger_grant_json_word(ledger_grant_json_t *scan, size_t i)
{
    size_t          end;
    ledger_slice_t  word;

    word = ledger_grant_rest(scan->text, i);

    if (word.data[0] == '"' || word.data[0] == '\'') {
        end = ledger_grant_json_string(scan->text, i);
        word = ledger_grant_rest(word, 1);
        word.len = end - i - 1;

        i = end + (end < scan->text.len);

    } else {

        for (end = 0; end < word.len; end++) {
            if (memchr(",:{}[]\"'/", word.data[end], 9) != NULL
                || ledger_grant_is_space(word.data[end]))
            {
                break;
            }
        }

        /* null is no value */

        word.len = (end == 4 && memcmp(word.data, "null", 4) == 0) ? 0 : end;
        i += end;
    }

    if (scan->depth == 1) {
        ledger_grant_json_take(scan, word);
    }

    return i;
}


static size_t
ledger_grant_json_mark(ledger_grant_json_t *scan, size_t i)
{
    switch (scan->text.data[i]) {

    case '{':
    case '[':
        scan->depth++;
        scan->name.data = NULL;
        scan->value = 0;
        break;

    case '}':
    case ']':
        scan->depth -= scan->depth > 0;
        break;

    case ':':
        scan->value = (scan->depth == 1 && scan->name.data != NULL);
        break;

    case ',':
        scan->name.data = NULL;
        scan->value = 0;
        break;

    case '/':
        return ledger_grant_json_comment(scan->text, i);
    }

    return i + 1;
}


static void
ledger_grant_json_take(ledger_grant_json_t *scan, ledger_slice_t word)
{
    unsigned char  names[LEDGER_GRANT_MAX], values[LEDGER_GRANT_MAX];

    if (!scan->value) {
        scan->name = word;
        return;
    }

    scan->found |= ledger_grant_member(ledger_grant_unescape(scan->name,
                                                             names),
                                       ledger_grant_unescape(word, values));
    scan->name.data = NULL;
    scan->value = 0;
}


/* The place of the quote that ends the string at "i", or the text's end. */

static size_t
ledger_grant_json_string(ledger_slice_t text, size_t i)
{
    unsigned char  quote;

    quote = text.data[i];

    for (i++; i < text.len; i++) {

        if (text.data[i] == '\\') {
            i++;

        } else if (text.data[i] == quote) {
            return i;
        }
    }

    return text.len;
}


static size_t
ledger_grant_json_comment(ledger_slice_t text, size_t i)
{
    unsigned char  next;

    next = (i + 1 < text.len) ? text.data[i + 1] : '\0';

    if (next != '/' && next != '*') {
        return i + 1;
    }

    for (i += 2; i < text.len; i++) {

        if (next == '/'
            ? text.data[i] == '\n'
            : text.data[i] == '/' && text.data[i - 1] == '*')
        {
            return i + 1;
        }
    }

    return text.len;
}


/* As much as a known name or grant is long; what is no ASCII becomes '?'. */

static ledger_slice_t
ledger_grant_unescape(ledger_slice_t raw, unsigned char *buf)
{
    size_t         i, n;
    unsigned char  c;

    for (i = 0, n = 0; i < raw.len && n < LEDGER_GRANT_MAX; i++) {
        c = raw.data[i];

        if (c == '\\' && i + 1 < raw.len) {
            c = raw.data[++i];

            if (c == 'u' && raw.len - i > 4) {
                c = ledger_grant_unicode(raw.data + i + 1);
                i += 4;

            } else if (memchr("bfnrt", c, 5) != NULL) {
                c = ' ';
            }
        }

        buf[n++] = c;
    }

    return (ledger_slice_t) { buf, n };
}


static unsigned char
ledger_grant_unicode(const unsigned char *hex)
{
    size_t         i;
    unsigned       value;
    const char    *digit;
    unsigned char  c;

    static const char  digits[] = "0123456789abcdef";

    value = 0;

    for (i = 0; i < 4; i++) {
        c = hex[i];

        if (c >= 'A' && c <= 'F') {
            c = (unsigned char) (c | 0x20);
        }

        digit = (c != '\0') ? strchr(digits, c) : NULL;

        if (digit == NULL) {
            return '?';
        }

        value = value << 4 | (unsigned) (digit - digits);
    }

    return value < 0x80 ? (unsigned char) value : '?';
}


static unsigned
ledger_grant_member(ledger_slice_t name, ledger_slice_t value)
{
    size_t    i;
    unsigned  found, odd;

    name = ledger_grant_trim(name);
    value = ledger_grant_trim(value);
    found = 0;

    if (ledger_grant_is(name, "grant_type", &odd)) {
        found |= odd | (ledger_grant_known(value) ? LEDGER_GRANT_TYPE : 0);
    }

    for (i = 0; ledger_grant_credentials[i] != NULL; i++) {

        if (ledger_grant_is(name, ledger_grant_credentials[i], &odd)) {
            found |= odd | (value.len > 0 ? LEDGER_GRANT_CREDENTIAL : 0);
        }
    }

    return found;
}


static int
ledger_grant_known(ledger_slice_t value)
{
    size_t    i, len;
    unsigned  odd;

    for (i = 0; ledger_grant_types[i] != NULL; i++) {
        if (ledger_grant_is(value, ledger_grant_types[i], &odd)) {
            return 1;
        }
    }

    for (i = 0; ledger_grant_prefixes[i] != NULL; i++) {
        len = strlen(ledger_grant_prefixes[i]);

        if (value.len > len
            && strncasecmp((const char *) value.data,
                           ledger_grant_prefixes[i], len)
               == 0)
        {
            return 1;
        }
    }

    return 0;
}


/* "odd" is LEDGER_GRANT_ODD where it is the name, but spelt otherwise. */

static int
ledger_grant_is(ledger_slice_t name, const char *known, unsigned *odd)
{
    size_t         i;
    unsigned char  c;

    *odd = 0;

    if (name.len != strlen(known)) {
        return 0;
    }

    for (i = 0; i < name.len; i++) {
        c = name.data[i];

        if (c == (unsigned char) known[i]) {
            continue;
        }

        if (c >= 'A' && c <= 'Z') {
            c = (unsigned char) (c | 0x20);

        } else if (c == '.' || c == ' ') {
            c = '_';
        }

        if (c != (unsigned char) known[i]) {
            return 0;
        }

        *odd = LEDGER_GRANT_ODD;
    }

    return 1;
}


static ledger_slice_t
ledger_grant_trim(ledger_slice_t text)
{
    while (text.len > 0 && ledger_grant_is_space(text.data[0])) {
        text = ledger_grant_rest(text, 1);
    }

    while (text.len > 0 && ledger_grant_is_space(text.data[text.len - 1])) {
        text.len--;
    }

    return text;
}


static ledger_slice_t
ledger_grant_rest(ledger_slice_t text, size_t skip)
{
    return (ledger_slice_t) { text.data + skip, text.len - skip };
}


/* '\0' too: it ends a text for some readers. */

static int
ledger_grant_is_space(unsigned char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\0';
}
