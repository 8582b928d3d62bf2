//! What every engine promises of chat: each change and each question, and a model that random
//! sequences of them are compared with.

#[path = "contract/deletion.rs"]
mod deletion;
#[path = "contract/heard.rs"]
mod heard;
#[path = "contract/images.rs"]
mod images;
#[path = "contract/isolation.rs"]
mod isolation;
#[path = "contract/listing.rs"]
mod listing;
#[path = "contract/members.rs"]
mod members;
#[path = "contract/messages.rs"]
mod messages;
#[path = "contract/model.rs"]
mod model;
#[path = "contract/receipts.rs"]
mod receipts;
#[path = "contract/sequences.rs"]
mod sequences;
#[path = "contract/threads.rs"]
mod threads;
#[path = "contract/transfer.rs"]
mod transfer;
#[path = "contract/world.rs"]
mod world;
