//! Tells the crate whether it is built with AddressSanitizer: `cfg(sanitize)` itself is not stable.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-check-cfg=cfg(nuthatch_asan)");
    if std::env::var("CARGO_CFG_SANITIZE")
        .is_ok_and(|kinds| kinds.split(',').any(|kind| kind == "address"))
    {
        println!("cargo::rustc-cfg=nuthatch_asan");
    }
}
