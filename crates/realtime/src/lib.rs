//! Real time: who is connected, and what they hear.
