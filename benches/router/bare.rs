//! What the system alone costs: each datagram read and answered with as many bytes as a redirect has, nothing looked at.

use std::net::UdpSocket;

pub fn serve() {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    println!("{}", socket.local_addr().unwrap());
    let mut buffer = vec![0_u8; 65_535];
    loop {
        let (length, from) = socket.recv_from(&mut buffer).unwrap();
        // The Call-ID, by which the generator knows its call, is in the first of these.
        socket.send_to(&buffer[..length.max(560).min(buffer.len())], from).unwrap();
    }
}
