# Heal: where a lent token may stand, for how long, and who keeps the new one.
use lib 't';
use OAuthGateway;
use Flights;

# the client's secret, in the body
our $secret = '+client_secret=canary-secret';
our @secret = (body => 'client_secret=canary-secret');

# a JSON answer of a refresh, with so many bytes in all
our $answer = sub {
    my ($n, $size) = @_;
    my $text = qq({"access_token":"at-canary-s$n","refresh_token":"rt-canary-s$n",)
               . qq("expires_in":600,"token_type":"Bearer","pad":""});

    return $text =~ s/(?=""\}$)(.)/'"' . 'x' x (($size || length $text) - length $text)/er;
};

# POST /api/x whose body comes after its header
our $late_post = sub {
    my ($token, $body) = @_;
    my $socket = IO::Socket::UNIX->new(Peer => html('gw.sock')) or die "gw.sock: $!\n";

    $socket->autoflush(1);
    print {$socket} "POST /api/x HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
                    . "Authorization: Bearer at-canary-$token\r\n"
                    . "Content-Type: text/plain\r\n"
                    . ($body =~ /^[0-9a-f]+\r/ ? "Transfer-Encoding: chunked"
                                               : 'Content-Length: ' . length $body)
                    . "\r\n\r\n";
    Time::HiRes::sleep(0.3);
    print {$socket} $body;
    local $/;

    return scalar <$socket>;
};

add_block_preprocessor(sub {
    my ($block) = @_;

    $block->set_value(http_config => ($block->http_config // '') . <<"END");
    upstream slow { server unix:@{[html('slow.sock')]}; }
    upstream copied { server unix:@{[html('copied.sock')]}; }
    upstream gone { server unix:@{[html('gone.sock')]}; }

    map \$http_authorization \$whose {
        "Bearer at-canary-1"  one;
        "Bearer at-canary-2"  two;
        default               none;
    }

    map \$request_body \$whose_body {
        ~rt-canary-1  one;
        ~rt-canary-2  two;
        default       none;
    }

    log_format copied '\$whose \$whose_body';

    server {
        listen unix:@{[html('copied.sock')]};
        access_log html/copied.log copied;
        location / { proxy_pass http://provider/x; }
    }
END

    $block->set_value(steps => $block->steps =~ s/ S\b/ $secret/gr)
        if defined $block->steps;

    $block->set_value(provider => <<'END') if !defined $block->provider;
        user   $oauth_response_user;
        limit  1 per user client;
END

    return if defined $block->config && defined $block->message;

    $block->set_value(config => "listen unix:@{[html('gw.sock')]};\n"
                                . ($block->config // '') . <<'END');
        location = /token {
            oauth_token_endpoint p heal;
            add_header X-Action $oauth_action always;
            proxy_pass http://provider;
        }

        location ~ ^/slow {
            oauth_token_endpoint p heal;
            add_header X-Action $oauth_action always;
            proxy_pass http://slow;
        }
END
});

run_tests();

__DATA__

=== TEST: the page of a failed call does not get the live token
--- config
    location /api {
        oauth_guard p heal;
        error_page 502 = @spare;
        proxy_pass http://gone;
    }

    location @spare { proxy_pass http://provider; }
--- may_alert
--- steps
connect 1 u=jane S
connect 2 u=jane S
GET /api/x : 200 | authorization=Bearer at-canary-1
| Authorization: Bearer at-canary-1

=== TEST: nor do the rewrites before it
--- config
    location /api {
        oauth_guard p heal;
        error_page 502 = /spare;
        proxy_pass http://gone;
    }

    location = /spare {
        set $seen $whose;
        add_header X-Seen $seen always;
        proxy_pass http://provider;
    }
--- may_alert
--- steps
connect 1 u=jane S
connect 2 u=jane S
GET /api/x : 200 | authorization=Bearer at-canary-1 | X-Seen: one
| Authorization: Bearer at-canary-1

=== TEST: a mirror gets what the runner sent
--- config
    location /api {
        oauth_guard p heal;
        mirror /copied;
        mirror_request_body off;
        proxy_pass http://provider;
    }

    location = /copied { internal; proxy_pass http://copied; }
--- steps
connect 1 u=jane S
connect 2 u=jane S
--- check
like($late_post->(1, 'x' x 2000), qr/^HTTP\S+ 200.*"Bearer at-canary-2"/s, 'it is healed');
Time::HiRes::sleep(0.1);
like(slurp(html('copied.log')), qr/^one/m, 'the mirror sees the dead token');
unlike(slurp(html('copied.log')), qr/^two/m, 'and not the live one');

=== TEST: a body that comes late is refused while the token waits
--- config
    location /api {
        client_max_body_size 1k;
        oauth_guard p heal;
        error_page 413 = @spare;
        proxy_pass http://provider;
    }

    location @spare { client_max_body_size 0; proxy_pass http://provider; }
--- steps
connect 1 u=jane S
connect 2 u=jane S
--- check
my $body = sprintf("%x\r\n%s\r\n0\r\n\r\n", 4000, 'x' x 4000);
unlike($late_post->(1, $body), qr/Bearer at-canary-2/, 'nobody else gets the live token');

=== TEST: the mirror of a token request gets what the runner sent
--- config
    location = /mirrored {
        oauth_token_endpoint p heal;
        mirror /copied;
        proxy_pass http://slow;
    }

    location = /copied { internal; proxy_pass http://copied; }
--- steps
connect 1 u=jane S
connect 2 u=jane e=1 S
sleep 1
--- check
slow_provider(delay => 0.5, answer => sub { return (200, $answer->($_[1])) });
my @answers = together(map { refresh_of(1, @secret, path => '/mirrored') } 1 .. 4);
is(statuses(@answers), '200 200 200 200', 'all are healed');
Time::HiRes::sleep(0.1);
like(slurp(html('copied.log')), qr/^none one/m, 'the mirror sees the dead token');
unlike(slurp(html('copied.log')), qr/^none two/m, 'and not the live one');
stop_providers();

=== TEST: the page of a failed refresh does not get the live token
--- config
    location = /failing {
        oauth_token_endpoint p heal;
        error_page 502 = @spare;
        proxy_pass http://gone;
    }

    location @spare { proxy_pass http://slow; }
--- may_alert
--- steps
connect 1 u=jane S
connect 2 u=jane e=1 S
sleep 1
--- check
slow_provider(delay => 0.05);
my ($one) = together(refresh_of(1, @secret, path => '/failing'));
like((seen())[0]{body}, qr/rt-canary-1\b/, 'the page sees what the runner sent');
unlike((seen())[0]{body}, qr/rt-canary-2/, 'and not the live token');
stop_providers();

=== TEST: a variable that was made of the live token does not outlive it
--- http_config
    map $http_authorization $copy {
        ~^Bearer\s(?<bearer>.+)$  $bearer;
    }

    log_format html '$uri $whose_copy $whose_bearer $whose_body';

    map $copy $whose_copy { at-canary-1 one; at-canary-2 two; }
    map $bearer $whose_bearer { at-canary-2 two; default other; }
--- config
    access_log html/sent.log html;

    location /api {
        oauth_guard p heal;
        proxy_set_header X-Owner $copy;
        proxy_pass http://provider;
    }

    location = /bodied {
        oauth_token_endpoint p heal;
        proxy_set_body $request_body;
        proxy_pass http://slow;
    }
--- steps
connect 1 u=jane S
connect 2 u=jane e=2 S
call 1 : 200 | authorization=Bearer at-canary-2 | -error
sleep 2
--- check
slow_provider(delay => 0.05, answer => sub { return (200, $answer->($_[1])) });
my ($one) = together(refresh_of(1, @secret, path => '/bodied'));
is($one->{status}, 200, 'healed');
like((seen())[0]{body}, qr/rt-canary-2/, 'by the live token');
Time::HiRes::sleep(0.1);
like(slurp(html('sent.log')), qr{^/api/x one other}m, 'the log of the call');
like(slurp(html('sent.log')), qr{^/bodied  ?\S* one$}m, 'the log of the refresh');
unlike(slurp(html('sent.log')), qr{two}, 'neither tells of the live token');
stop_providers();

=== TEST: what access denies is not healed
--- config
    location /api {
        oauth_guard p heal;
        deny all;
        proxy_pass http://provider;
    }
--- steps
connect 1 u=jane S
connect 2 u=jane S
GET /api/x : 403 | !OAuth-Connection-Status
| Authorization: Bearer at-canary-1

=== TEST: the live connection does not get the owner of who asks
--- config
    location /api { oauth_guard p heal; proxy_pass http://provider; }
--- steps
connect 1 u=jane owner=alpha S
connect 2 u=jane e=1 S
sleep 1
refresh 1 as=9 u=jane owner=alpha S : 200 | access_token=at-canary-9 | refresh_token=rt-canary-1
call 1 : 200 | authorization=Bearer at-canary-9 | OAuth-Connection-Status: superseded-by="\d+"(?=\r?$) | -error

=== TEST: an answer that cannot be kept leaves the new token with the runner
--- steps
connect 1 u=jane S
connect 2 u=jane e=1 S
sleep 1
--- check
my $size = 36864 - 65 - 2 - length 'application/json';

slow_provider(delay => 0.05, answer => sub {
    return (200, $answer->($_[1], $_[1] == 1 ? $size : $size + 1) =~ s/600/  1/r);
});

my ($kept) = together(refresh_of(1, @secret));
is($kept->{json}{access_token}, 'at-canary-s1', 'one that can be kept');
is($kept->{json}{refresh_token}, 'rt-canary-1', 'comes with what was presented');
Time::HiRes::sleep(1);
my ($lost) = together(refresh_of(1, @secret));
like((seen())[1]{body}, qr/rt-canary-s1\b/, 'and is used');
is($lost->{json}{access_token}, 'at-canary-s2', 'one byte more');
is($lost->{json}{refresh_token}, 'rt-canary-s2', 'and nobody else has the new token');
my ($next) = together(refresh_of('s2', @secret));
is($next->{json}{access_token}, 'at-canary-s3', 'with which it goes on');
stop_providers();

=== TEST: a full store does not lose the live connection
--- no_store
--- http_config
    oauth_store $TEST_NGINX_SERVER_ROOT/html/store-full max_size=1m;
--- may_alert
--- steps
connect 1 u=jane scope=read S
connect 2 u=jane e=1 scope=read S
sleep 1
--- check
my ($n, $unrecorded, $refused, $live, @wrong) = (0, 0, 0, '2');

slow_provider(delay => 0, answer => sub {
    return (200, $answer->($_[1], 30000));
});

for my $filler (1 .. 600) {
    curl('gw.sock', '-d', 'grant_type=authorization_code&client_id=app&code=canary&scope='
         . 's' x 4000, "http://localhost/token?t=f$filler&u=f$filler");

    # for less than all each request has an exchange of its own

    my ($one) = together(refresh_of(1, body => "$secret[1]&scope=read"));

    if ($one->{status} == 503) {
        $refused++;
        push @wrong, 'no Retry-After' if $one->{header} !~ /^Retry-After: \d/m;
        last if $refused > 2;
        next;
    }

    my $body = (seen())[$n++]{body};

    push @wrong, "$n: status $one->{status}" if $one->{status} != 200;
    push @wrong, "$n: $live was not presented: $body" if $body !~ /rt-canary-\Q$live\E\b/;

    $live = "s$n";

    if ($one->{header} =~ /^OAuth-Connection-Status: .*unrecorded/m) {
        $unrecorded++;
        push @wrong, "$n: lost" if $one->{json}{refresh_token} ne "rt-canary-$live";
        last if $unrecorded > 2;
    }
}

is("@wrong", '', 'nothing went wrong');
ok($n > 3, "$n exchanges");
ok($unrecorded + $refused, "$unrecorded unrecorded, $refused refused");
is(scalar(seen()), $n, 'what is refused the provider does not see');
stop_providers();

=== TEST: under a new key with the old one as second line
--- config
    location /api { oauth_guard p heal; proxy_pass http://provider; }
--- http_config
    oauth_key_file $TEST_NGINX_SERVER_ROOT/html/user.key;
--- user_files
>>> user.key
0101010101010101010101010101010101010101010101010101010101010101
--- steps
connect 1 u=jane S
connect 2 u=jane S
prepend user.key {{f x 64}}
reload
call 1 : 200 | authorization=Bearer at-canary-2 | -error
refresh 1 as=9 S : 200 | access_token=at-canary-2 | refresh_token=rt-canary-1 | -error
refresh 2 as=3 u=jane S
call 1 : 200 | authorization=Bearer at-canary-3 | -error
refresh 1 as=9 S : 200 | access_token=at-canary-3 | refresh_token=rt-canary-1 | -error
