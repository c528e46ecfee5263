//! What is between a node and the engine, and can be broken.

use std::{io, net::SocketAddr};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::watch,
    task::JoinSet,
};

/// What the wire does with bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Whole,
    /// Nothing passes and nobody is told.
    Silent,
    /// All connections break, and new ones at once.
    Broken,
}

/// A wire; dropping it breaks it.
#[derive(Debug)]
pub(crate) struct Wire {
    pub(crate) address: SocketAddr,
    state: watch::Sender<State>,
    far: watch::Sender<SocketAddr>,
    _task: JoinSet<()>,
}

impl Wire {
    pub(crate) async fn to(far: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (state, states) = watch::channel(State::Whole);
        let (far, ends) = watch::channel(far);
        let mut task = JoinSet::new();
        task.spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let (near, _) = listener.accept().await.unwrap();
                let (mut states, far) = (states.clone(), ends.clone());
                connections.spawn(async move {
                    // Either end may close it at any time.
                    let _ = carry(near, &far, &mut states).await;
                });
                while connections.try_join_next().is_some() {}
            }
        });
        Self {
            address,
            state,
            far,
            _task: task,
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://{}", self.address)
    }

    /// New connections go there from now on.
    pub(crate) fn lead_to(&self, far: SocketAddr) {
        self.far.send_replace(far);
    }

    pub(crate) fn set(&self, state: State) {
        self.state.send_replace(state);
    }
}

async fn carry(
    near: TcpStream,
    far: &watch::Receiver<SocketAddr>,
    states: &mut watch::Receiver<State>,
) -> io::Result<()> {
    if passes(states).await.is_err() {
        return Ok(());
    }
    let far = *far.borrow();
    let far = TcpStream::connect(far).await?;
    near.set_nodelay(true)?;
    far.set_nodelay(true)?;
    let ((near_in, near_out), (far_in, far_out)) = (near.into_split(), far.into_split());
    let mut back = states.clone();
    tokio::select! {
        ended = copy(near_in, far_out, states) => ended,
        ended = copy(far_in, near_out, &mut back) => ended,
    }
}

async fn copy(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    states: &mut watch::Receiver<State>,
) -> io::Result<()> {
    let mut held = vec![0; 64 << 10];
    let mut breaks = states.clone();
    loop {
        let many = tokio::select! {
            read = from.read(&mut held) => read?,
            () = broken(&mut breaks) => return Ok(()),
        };
        passes(states).await?;
        if many == 0 {
            return Ok(());
        }
        to.write_all(&held[..many]).await?;
    }
}

/// Waits until bytes pass; an error if none ever will on this connection.
async fn passes(states: &mut watch::Receiver<State>) -> io::Result<()> {
    let state = states.wait_for(|state| *state != State::Silent).await;
    match state.map(|state| *state) {
        Ok(State::Whole) => Ok(()),
        _ => Err(io::ErrorKind::ConnectionReset.into()),
    }
}

async fn broken(states: &mut watch::Receiver<State>) {
    let _ = states.wait_for(|state| *state == State::Broken).await;
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn it_carries_holds_back_and_breaks() {
        let echo = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let far = echo.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((stream, _)) = echo.accept().await {
                let (mut read, mut write) = stream.into_split();
                tokio::spawn(async move { tokio::io::copy(&mut read, &mut write).await });
            }
        });
        let wire = Wire::to(far).await;
        let mut near = TcpStream::connect(wire.address).await.unwrap();
        let mut got = [0; 3];
        near.write_all(b"one").await.unwrap();
        near.read_exact(&mut got).await.unwrap();
        assert_eq!(&got, b"one");

        wire.set(State::Silent);
        near.write_all(b"two").await.unwrap();
        let held = tokio::time::timeout(Duration::from_millis(100), near.read_exact(&mut got));
        assert!(held.await.is_err());
        wire.set(State::Whole);
        near.read_exact(&mut got).await.unwrap();
        assert_eq!(&got, b"two");

        wire.set(State::Broken);
        assert!(!matches!(near.read(&mut got).await, Ok(1..)));
        let mut refused = TcpStream::connect(wire.address).await.unwrap();
        assert!(!matches!(refused.read(&mut got).await, Ok(1..)));
        wire.set(State::Whole);
        let mut again = TcpStream::connect(wire.address).await.unwrap();
        again.write_all(b"six").await.unwrap();
        again.read_exact(&mut got).await.unwrap();
        assert_eq!(&got, b"six");
    }
}
