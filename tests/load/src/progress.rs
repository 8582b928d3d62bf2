//! One line on a terminal that tells what is being done.

use std::io::{IsTerminal, Write};

pub fn say(what: &str) {
    let mut out = std::io::stderr();
    if out.is_terminal() {
        let _ = write!(out, "\r\x1b[K{what}");
        let _ = out.flush();
    }
}

pub fn clear() {
    say("");
}
