# What the test suite of Redis 7.0 takes for granted and 7.2 does otherwise, for all tests alike. tests/conformance/
# tcl_suite has the suite read this file behind its own helpers; no test is changed.

# Since 7.2 a short list is one listpack, and so is a small set that is not of integers alone.
rename assert_encoding assert_encoding_of_7_0
proc assert_encoding {encoding key} {
    set names [dict create quicklist list hashtable set]
    if {[dict exists $names $encoding] && [r object encoding $key] eq {listpack}
        && [r type $key] eq [dict get $names $encoding]} {
        return
    }
    assert_encoding_of_7_0 $encoding $key
}

# What a server does not have, an override cannot switch on: the unit would end there. So its tests are run without it,
# and those that need it fail one by one.
rename run_external_server_test run_external_server_test_of_7_0
proc run_external_server_test {code overrides} {
    if {[dict exists $overrides appendonly]} {
        set client [redis $::host $::port 0 $::tls]
        if {[catch {$client config set appendonly [dict get $overrides appendonly]}]} {
            dict unset overrides appendonly
        } else {
            $client config set appendonly no
        }
        $client close
    }
    uplevel 1 [list run_external_server_test_of_7_0 $code $overrides]
}
