//! Integration tests: a real server on a free port, spoken to over HTTP. One module for each subject.

mod access;
mod any_input;
mod chat_bad_input;
mod chat_history;
mod chat_images;
mod chat_limits;
mod command_line;
mod curl;
mod events;
mod harness;
mod migrate;
mod operability;
mod realtime;
mod resources;
mod versions;
