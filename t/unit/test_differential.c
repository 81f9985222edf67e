
/*
 * Copyright (C) The OAuth gateway authors
 */

/*
 * Random forms and JSON documents, good and damaged, are read by the core
 * and by Perl (JSON::PP): both must refuse the same ones, and find
 * the same members with the same text in the others.
 *
 * DIFFERENTIAL_SEED chooses other documents, DIFFERENTIAL_COUNT how many.
 */

#ifndef _GNU_SOURCE
#define _GNU_SOURCE      /* popen(), getline() */
#endif

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "ledger_message.h"


#define COUNT      20000
#define TEXT_SIZE  4096
#define LINE_SIZE  65536

#define PERL_CHECK  "perl -MJSON::PP -e 1 2>/dev/null"


typedef struct {
    char    bytes[TEXT_SIZE];
    size_t  len;
} text_t;


typedef void (*generate_pt)(text_t *text);
typedef ledger_rc_t (*read_pt)(ledger_slice_t text, json_t *message);


static unsigned dice(unsigned n);
static void add(text_t *text, const char *more);
static void add_one_of(text_t *text, const char *const *parts, unsigned n);
static void generate_form(text_t *text);
static void generate_space(text_t *text);
static void generate_string(text_t *text);
static void generate_value(text_t *text, unsigned depth);
static void generate_json(text_t *text);
static void damage(text_t *text);
static char *put_hex(char *p, const void *bytes, size_t len);
static int compare(const void *a, const void *b);
static char *put_value(char *p, const json_t *message, const char *name,
    json_t *value);
static void put_members(char *line, json_t *message);
static ledger_rc_t read_form(ledger_slice_t text, json_t *message);
static ledger_rc_t read_json(ledger_slice_t text, json_t *message);
static void answer(read_pt read, const text_t *text, char *line);
static uint64_t setting(const char *name, uint64_t otherwise);
static void write_file(const char *path, const char *text, const char *more);
static void write_documents(const char *path, generate_pt generate,
    text_t *texts, unsigned n);
static void differ(const char *name, const char *program, generate_pt generate,
    read_pt read);
static void test_forms(void **state);
static void test_documents(void **state);


/*
 * A document a line, in hex.  The answer is "-" where it is refused, else
 * NAME:VALUE for each member, all in hex and sorted; VALUE is "!" for what
 * is no text, and a list for a parameter that may repeat.
 */

static const char  perl_common[] =
    "use strict; use warnings; use JSON::PP;\n"
    "sub hx { my $t = shift; utf8::encode($t); return unpack 'H*', $t }\n"
    "sub chars { my $t = shift; utf8::decode($t) or die;\n"
    "    die if $t =~ /[^\\0-\\x{d7ff}\\x{e000}-\\x{10ffff}]/;\n"
    "    return $t }\n"
    "while (my $line = <STDIN>) {\n"
    "    chomp $line;\n"
    "    my $m = eval { parse(pack 'H*', $line) };\n"
    "    print defined $m ? join(' ', sort @$m) : '-', \"\\n\";\n"
    "}\n";

static const char  perl_form[] =
    "sub part { my $t = shift; $t =~ tr/+/ /;\n"
    "    die if $t =~ /%(?![0-9A-Fa-f]{2})/;\n"
    "    $t =~ s/%(..)/chr hex $1/ge;\n"
    "    die if $t =~ /\\0/;\n"
    "    return chars($t) }\n"
    "sub parse { my %m; my %seen;\n"
    "    for my $pair (split /&/, shift) {\n"
    "        next if $pair eq '';\n"
    "        my ($n, $v) = split /=/, $pair, 2;\n"
    "        $n = part($n); $v = part(defined $v ? $v : '');\n"
    "        die if $seen{$n}++ && $n !~ /^(?:resource|audience)\\z/;\n"
    "        push @{ $m{$n} }, $v if $v ne '';\n"
    "    }\n"
    "    return [ map { hx($_) . ':' . join ',', map { hx($_) } @{ $m{$_} } }\n"
    "             keys %m ] }\n";

static const char  perl_json[] =
    "my $json = JSON::PP->new->allow_nonref;\n"
    "# JSON::PP takes half a surrogate pair\n"
    "sub half { my $t = shift; my $h = '[0-9a-fA-F]{2}';\n"
    "    $t =~ s/\\\\[^u]//g;\n"
    "    $t =~ s/\\\\u[dD][89abAB]$h\\\\u[dD][c-fC-F]$h//g;\n"
    "    return $t =~ /\\\\u[dD][89a-fA-F]$h/ }\n"
    "sub clean { my $v = shift;\n"
    "    if (ref $v eq 'HASH') { clean($_) for %$v }\n"
    "    elsif (ref $v eq 'ARRAY') { clean($_) for @$v }\n"
    "    # beyond what a double holds: 1e999\n"
    "    elsif (defined $v && $v =~ /\\0|^-?Inf/) { die } }\n"
    "sub text { my $v = shift;\n"
    "    return hx($v ? 'true' : 'false') if JSON::PP::is_bool($v);\n"
    "    return '!' if ref $v;\n"
    "    # Perl writes 15 digits, which may be too few\n"
    "    my $number = $json->encode($v) !~ /^\"/;\n"
    "    $v = sprintf '%.17g', $v if $number && $v =~ /[.e]/ && \"$v\" != $v;\n"
    "    return hx($v) }\n"
    "sub parse { my $t = chars(shift); die if half($t);\n"
    "    # JSON::PP rounds integers of 20 digits\n"
    "    $t =~ s{(\"(?:[^\"\\\\]|\\\\.)*\")\n"
    "            |(?<![-+.\\deE])(-?[1-9]\\d{18,})(?![-+.\\deE]|\\s*:)}\n"
    "           {defined $1 ? $1 : qq(\"$2\")}gesx;\n"
    "    my $m = $json->decode($t);\n"
    "    die if ref $m ne 'HASH'; clean($m);\n"
    "    return [ map { hx($_) . ':' . text($m->{$_}) }\n"
    "             grep { defined $m->{$_} } keys %$m ] }\n";


static uint64_t  seed;


static unsigned
dice(unsigned n)
{
    /* splitmix64 */

    uint64_t  z;

    seed += 0x9e3779b97f4a7c15;
    z = seed;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;

    return (unsigned) ((z ^ (z >> 31)) % n);
}


static void
add(text_t *text, const char *more)
{
    size_t  len;

    len = strlen(more);

    if (len <= sizeof(text->bytes) - text->len) {
        memcpy(text->bytes + text->len, more, len);
        text->len += len;
    }
}


static void
add_one_of(text_t *text, const char *const *parts, unsigned n)
{
    add(text, parts[dice(n)]);
}


static void
generate_form(text_t *text)
{
    unsigned  i, n, k;

    static const char *const  names[] = {
        "a", "b", "%61", "grant_type", "refresh_token", "scope", "resource",
        "audience", "r%65source", "", "\xc3\xa4", "%C3%a4", "x+y", "A", "c",
        "d", "e", "f",
    };

    static const char *const  parts[] = {
        "a", "b", "0", "+", "%20", "%2B", "%26", "%3d", "=", "%c3%a4",
        "\xc3\xa4", "\xf0\x9f\x98\x80", "%F0%9F%98%80", ";", "\"", "%0a",
        "%ef%bf%bf", ".", "~", "%25", "/", "%7F",
    };

    n = dice(8);

    for (i = 0; i < n; i++) {
        if (i > 0 || dice(20) == 0) {
            add(text, "&");
        }

        add_one_of(text, names, sizeof(names) / sizeof(names[0]));

        if (dice(20) == 0) {
            continue;
        }

        add(text, "=");

        for (k = dice(10); k > 0; k--) {
            add_one_of(text, parts, sizeof(parts) / sizeof(parts[0]));
        }
    }
}


static void
generate_space(text_t *text)
{
    static const char *const  spaces[] = { " ", "\t", "\r\n", "" };

    if (dice(4) == 0) {
        add_one_of(text, spaces, 4);
    }
}


static void
generate_string(text_t *text)
{
    unsigned  k;

    static const char *const  parts[] = {
        "a", "b", "0", " ", "~", "/", "\\/", "\\\"", "\\\\", "\\n", "\\t",
        "\\u0041", "\\u00e4", "\\ud83d\\ude00", "\xc3\xa4",
        "\xf0\x9f\x98\x80", "{", "[", "}", "]", ":", ",", "\\u20AC", "\\b",
        "\\f", "\\r", "\x7f", "12345678901234567890",
    };

    add(text, "\"");

    for (k = dice(6); k > 0; k--) {
        add_one_of(text, parts, sizeof(parts) / sizeof(parts[0]));
    }

    add(text, "\"");
}


static void
generate_value(text_t *text, unsigned depth)
{
    unsigned  kind, n;

    static const char *const  numbers[] = {
        "0", "1", "-1", "3600", "1699999999999", "123456789012345678",
        "9223372036854775807", "-9223372036854775808", "0.5", "-12.25",
        "1e3", "1E+2", "2.5e-3", "9223372036854775808",
        "18446744073709551616", "-99999999999999999999",
        "340282366920938463463374607431768211456",
    };

    static const char *const  words[] = { "true", "false", "null" };

    kind = dice(depth > 0 ? 10 : 7);

    if (kind < 4) {
        generate_string(text);
        return;
    }

    if (kind < 6) {
        add_one_of(text, numbers, sizeof(numbers) / sizeof(numbers[0]));
        return;
    }

    if (kind == 6) {
        add_one_of(text, words, 3);
        return;
    }

    add(text, kind == 7 ? "[" : "{");

    for (n = dice(5); n > 0; n--) {

        generate_space(text);

        if (kind != 7) {
            generate_string(text);
            generate_space(text);
            add(text, ":");
            generate_space(text);
        }

        generate_value(text, depth - 1);
        generate_space(text);
        add(text, n > 1 ? "," : "");
    }

    add(text, kind == 7 ? "]" : "}");
}


static void
generate_json(text_t *text)
{
    unsigned  n;

    add(text, "{");

    for (n = dice(8); n > 0; n--) {
        generate_string(text);
        generate_space(text);
        add(text, ":");
        generate_space(text);
        generate_value(text, 3);
        generate_space(text);
        add(text, n > 1 ? "," : "");
    }

    add(text, "}");
    generate_space(text);
}


/* One document of four: a byte lost, changed or doubled, or the end cut. */

static void
damage(text_t *text)
{
    char    *p;
    size_t   at;

    if (text->len == 0 || dice(4) != 0) {
        return;
    }

    at = dice((unsigned) text->len);
    p = text->bytes + at;

    switch (dice(4)) {

    case 0:
        memmove(p, p + 1, text->len - at - 1);
        text->len--;
        break;

    case 1:
        *p = (char) dice(256);
        break;

    case 2:
        if (text->len < TEXT_SIZE) {
            memmove(p + 1, p, text->len - at);
            text->len++;
        }

        break;

    default:
        text->len = at;
    }
}


static char *
put_hex(char *p, const void *bytes, size_t len)
{
    size_t  i;

    for (i = 0; i < len; i++) {
        p += sprintf(p, "%02x", ((const unsigned char *) bytes)[i]);
    }

    return p;
}


static int
compare(const void *a, const void *b)
{
    return strcmp(*(char *const *) a, *(char *const *) b);
}


static char *
put_value(char *p, const json_t *message, const char *name, json_t *value)
{
    char             buf[LEDGER_SCALAR_MAX];
    size_t           i;
    ledger_rc_t      rc;
    ledger_slice_t   text;

    if (json_is_array(value) && json_is_string(json_array_get(value, 0))
        && (strcmp(name, "resource") == 0 || strcmp(name, "audience") == 0))
    {
        for (i = 0; i < json_array_size(value); i++) {
            p += sprintf(p, "%s", i > 0 ? "," : "");
            p = put_hex(p, json_string_value(json_array_get(value, i)),
                        json_string_length(json_array_get(value, i)));
        }

        return p;
    }

    rc = ledger_message_member(message,
                               (ledger_slice_t) {
                                   (const unsigned char *) name,
                                   strlen(name) },
                               buf, &text);

    if (rc == LEDGER_MALFORMED) {
        return p + sprintf(p, "!");
    }

    assert_int_equal(rc, LEDGER_OK);

    return put_hex(p, text.data, text.len);
}


/* Our answer, in the form that Perl gives. */

static void
put_members(char *line, json_t *message)
{
    char        *p, *members[LEDGER_MEMBERS_MAX];
    size_t       i, n;
    json_t      *value;
    const char  *name;

    n = 0;

    json_object_foreach(message, name, value) {

        if (json_is_null(value)) {
            continue;
        }

        members[n] = malloc(2 * TEXT_SIZE + 2);
        assert_non_null(members[n]);

        p = put_hex(members[n], name, strlen(name));
        *p++ = ':';
        *put_value(p, message, name, value) = '\0';
        n++;
    }

    qsort(members, n, sizeof(char *), compare);
    *line = '\0';

    for (i = 0; i < n; i++) {
        line += sprintf(line, "%s%s", i > 0 ? " " : "", members[i]);
        free(members[i]);
    }
}


static ledger_rc_t
read_form(ledger_slice_t text, json_t *message)
{
    return ledger_message_form(text, message, NULL);
}


static ledger_rc_t
read_json(ledger_slice_t text, json_t *message)
{
    return ledger_message_json(text, 0, message);
}


static void
answer(read_pt read, const text_t *text, char *line)
{
    json_t       *message;
    ledger_rc_t   rc;

    message = json_object();

    rc = read((ledger_slice_t) { (const unsigned char *) text->bytes,
                                 text->len },
              message);

    if (rc == LEDGER_OK) {
        put_members(line, message);

    } else {
        strcpy(line, "-");
    }

    json_decref(message);
}


static uint64_t
setting(const char *name, uint64_t otherwise)
{
    const char  *value;

    value = getenv(name);

    return value != NULL ? strtoull(value, NULL, 10) : otherwise;
}


static void
write_file(const char *path, const char *text, const char *more)
{
    FILE  *file;

    file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0 && fputs(more, file) >= 0);
    assert_int_equal(fclose(file), 0);
}


static void
write_documents(const char *path, generate_pt generate, text_t *texts,
    unsigned n)
{
    char       line[2 * TEXT_SIZE + 1];
    FILE      *file;
    unsigned   i;

    file = fopen(path, "w");
    assert_non_null(file);

    for (i = 0; i < n; i++) {
        texts[i].len = 0;
        generate(&texts[i]);
        damage(&texts[i]);

        *put_hex(line, texts[i].bytes, texts[i].len) = '\0';
        assert_true(fprintf(file, "%s\n", line) > 0);
    }

    assert_int_equal(fclose(file), 0);
}


static void
differ(const char *name, const char *program, generate_pt generate,
    read_pt read)
{
    char      *theirs, *ours;
    FILE      *perl;
    size_t     size;
    text_t    *texts;
    ssize_t    len;
    unsigned   i, n, refused;

    if (system(PERL_CHECK) != 0) {
        print_message("# skipped: no perl with JSON::PP\n");
        skip();
    }

    n = (unsigned) setting("DIFFERENTIAL_COUNT", COUNT);
    seed = setting("DIFFERENTIAL_SEED", 1);
    texts = malloc(n * sizeof(text_t));
    ours = malloc(LINE_SIZE);
    assert_non_null(texts);
    assert_non_null(ours);

    print_message("# %s: seed %llu\n", name, (unsigned long long) seed);

    write_file("differential.pl", program, perl_common);
    write_documents("differential.txt", generate, texts, n);

    perl = popen("perl differential.pl <differential.txt", "r");
    assert_non_null(perl);

    theirs = NULL;
    size = 0;
    refused = 0;

    for (i = 0; i < n; i++) {
        len = getline(&theirs, &size, perl);
        assert_true(len > 0);
        theirs[len - 1] = '\0';

        answer(read, &texts[i], ours);
        refused += strcmp(ours, "-") == 0;

        if (strcmp(ours, theirs) != 0) {
            fail_msg("document %u: %.*s\nours:   %s\ntheirs: %s", i,
                     (int) texts[i].len, texts[i].bytes, ours, theirs);
        }
    }

    assert_int_equal(pclose(perl), 0);
    assert_int_equal(unlink("differential.pl"), 0);
    assert_int_equal(unlink("differential.txt"), 0);

    /* neither all of them good, nor all of them bad */
    assert_in_range(refused, n / 20, n / 2);
    print_message("# %s: %u documents agree, %u of them refused\n", name, n,
                  refused);

    free(theirs);
    free(texts);
    free(ours);
}


static void
test_forms(void **state)
{
    (void) state;

    differ("forms", perl_form, generate_form, read_form);
}


static void
test_documents(void **state)
{
    (void) state;

    differ("JSON", perl_json, generate_json, read_json);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_forms),
        cmocka_unit_test(test_documents),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
