# Workers without privileges: the store is theirs, the key file is not.
use lib 't';
use OAuthGateway;

BEGIN {
    # the checkout may lie where only root can go
    my ($uid, $gid) = (getpwnam 'nobody')[2, 3];
    my $reachable = $> == 0 && system('perl', '-MPOSIX', '-e',
        'POSIX::setgid($ARGV[1]); POSIX::setuid($ARGV[0]); exit !chdir $ARGV[2]',
        $uid, $gid, $ENV{PWD}) == 0;

    if ($reachable) {
        $Test::Nginx::Util::WorkerUser = 'nobody nogroup';
    }

    $main::skip = $reachable ? undef
                             : 'needs root, and a place that others can reach';
}

add_block_preprocessor(sub {
    my ($block) = @_;

    $block->set_value(no_store => 1);
    $block->set_value(http_config =>
                      '    oauth_store ' . html('theirs') . ";\n");
});

if ($main::skip) {
    SKIP: { skip $main::skip, 1; }

} else {
    run_tests();
}

__DATA__

=== TEST: the store is made for them
--- steps
connect 1 u=jane owner=alpha
connect 2 u=jane owner=beta
call 1 : 409 | superseded_by.owner=beta
call 2
reload
call 1 : 409
connect 3 u=jane owner=gamma
call 2 : 409
--- check
my $owner = sub { scalar getpwuid((stat $_[0])[4]) };
my $mode = sub { sprintf '%04o', (stat $_[0])[2] & 07777 };

is($owner->(html 'theirs'), 'nobody', 'store');
is($mode->(html 'theirs'), '0700', 'its mode');
is($owner->($_), 'nobody', $_) for glob html('theirs') . '/*';
is($mode->($_), '0600', "mode of $_") for glob html('theirs') . '/*';
is($owner->(html 'theirs.key'), 'root', 'key file');
is($mode->(html 'theirs.key'), '0400', 'its mode');
