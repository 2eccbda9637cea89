//! `larkwire doctor`.

use crate::args::Doctor;
use crate::exit::Exit;

pub(crate) async fn doctor(_doctor: Doctor) -> Exit {
    Exit::other("not built yet")
}
