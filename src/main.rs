//! The `keyseam` binary: arguments in, exit status out. Everything else is in the library.

fn main() -> std::process::ExitCode {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    share_arenas();
    keyseam::cli::run()
}

/// Lets four cores share one of the allocator's arenas. glibc gives every thread its own, and what one holds free
/// serves no other: with two workers that takes 10 MiB more and saves no time.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[allow(unsafe_code)]
fn share_arenas() {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let arenas = libc::c_int::try_from(cores.div_ceil(4)).unwrap_or(libc::c_int::MAX);
    // SAFETY: it sets a number of the allocator, and there is no other thread yet.
    unsafe {
        libc::mallopt(libc::M_ARENA_MAX, arenas);
    }
}
