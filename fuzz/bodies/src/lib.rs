//! What is promised about each parser, as one function of any bytes: `check` panics where a promise
//! is broken. libFuzzer calls it (`fuzz_targets`), and so does the replay of the corpus (`tests`).

mod source;

/// Names the targets: each is a module with a `check`, a file in `fuzz_targets`, a `[[bin]]` and a corpus.
macro_rules! targets {
    ($($name:ident),* $(,)?) => {
        $(pub mod $name;)*

        /// All of them, by name.
        pub const TARGETS: &[(&str, fn(&[u8]))] = &[$((stringify!($name), $name::check)),*];
    };
}

targets![
    open_command,
    open_position,
    payload,
    polling_frames,
    query,
    signed_parameters,
    socketio_packet,
];
