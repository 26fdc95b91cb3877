//! Paced sending: what is due is sent in batches, and a late start of a batch is made up for.
use crate::options::Options;
use crate::sys;
use std::net::{SocketAddrV4, UdpSocket};
use std::time::{Duration, Instant};

/// Datagrams of one system call.
const BATCH_MAX: usize = 32;
/// Naps between batches at low rates.
const NAP: Duration = Duration::from_micros(50);
const TTL: u32 = 16;

pub fn run(options: &Options) -> Result<(), String> {
    let socket = open(options).map_err(|error| format!("socket: {error}"))?;
    let batch = if options.segment > 0 {
        options.segment
    } else {
        BATCH_MAX
    };
    let mut buffer = vec![0u8; batch * options.size];
    let total = (options.rate * options.seconds) as u64;
    let (started, mut sent, mut refused) = (Instant::now(), 0u64, 0u64);
    while sent < total {
        let elapsed = started.elapsed().as_secs_f64();
        // What the machine cannot send in time stays unsent.
        if elapsed > options.seconds {
            break;
        }
        let due = ((elapsed * options.rate) as u64 + 1).min(total);
        let count = (due.saturating_sub(sent) as usize).min(batch);
        if count == 0 {
            std::thread::sleep(NAP);
            continue;
        }
        for (index, datagram) in buffer.chunks_exact_mut(options.size).take(count).enumerate() {
            datagram[..8].copy_from_slice(&(sent + index as u64).to_be_bytes());
        }
        let bytes = &buffer[..count * options.size];
        let done = if options.segment > 0 {
            socket.send(bytes).map(|sent| sent / options.size)
        } else {
            sys::send_batch(&socket, bytes, options.size)
        };
        match done {
            Ok(count) => sent += count as u64,
            // A full queue below: the datagrams count as sent and lost.
            Err(error) if error.raw_os_error() == Some(libc::ENOBUFS) => {
                sent += count as u64;
                refused += count as u64;
            }
            Err(error) => return Err(format!("send: {error}")),
        }
    }
    let seconds = started.elapsed().as_secs_f64();
    println!("{{\"sent\":{sent},\"refused\":{refused},\"seconds\":{seconds:.6}}}");
    Ok(())
}

fn open(options: &Options) -> std::io::Result<UdpSocket> {
    let to: SocketAddrV4 = options.to.parse().map_err(std::io::Error::other)?;
    let socket = UdpSocket::bind(("0.0.0.0", 0))?;
    if to.ip().is_multicast() {
        socket.set_multicast_ttl_v4(TTL)?;
        socket.set_multicast_loop_v4(false)?;
        if let Some(via) = options.via {
            sys::set_multicast_interface(&socket, via)?;
        }
    }
    socket.connect(to)?;
    if options.segment > 0 {
        sys::set_segment(&socket, options.size)?;
    }
    Ok(socket)
}
