//! Linux: sendmmsg with UDP_SEGMENT, recvmmsg with UDP_GRO.

mod recv;
mod sys;
mod udp;

pub use recv::{Datagrams, Place, RecvBatch};
pub use udp::UdpSocket;
