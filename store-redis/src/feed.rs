//! Hears which records ended: the feed of a near cache (contract S19).
//!
//! A script that ends records writes and removes a note key for each (`scripts/announce.lua`). The feed has one
//! connection to each master, with nothing else on it, and has the server report every key that begins like a note
//! (`CLIENT TRACKING ON BCAST`, from Redis 6.0 on).
//!
//! In a turn the feed asks each master for its role, and the answer shows that everything before it was heard.
//! **But of which question?** The server sends its reports at the end of a round of its event loop, and answers
//! earlier. So an answer may overtake a report about a write of the same round. Usually that write is acknowledged
//! at the end of the round as well. But while a script runs for longer than `busy-reply-threshold`, the server
//! acknowledges earlier writes of the round in between, and a question read after that script is answered before
//! the reports are sent. (Measured on 7.0: hundreds in 50,000 writes.) The *next* question can only be read in a
//! later round. So an answer proves what the question **before** it asked, and one of the two that fails, with `BUSY`
//! for example, proves nothing for the turn after it either: [`Proven::TurnBefore`].
//!
//! What the connection cannot tell, the feed asks for: whether the server is still a master (its role, each turn),
//! whether Sentinels still name it, and, in a cluster, whether there is a master that it does not listen to. Slots may
//! move between masters that it listens to.

mod inbox;
mod standing;

use std::collections::HashSet;
use std::fmt;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;

use async_trait::async_trait;
use hallpass_core::StoreError;
use hallpass_core::store::{ChangeFeed, Heard, Lost, Proven};
use redis::{Pipeline, RedisError, Value};

use self::inbox::Inbox;
use self::standing::Standing;
use crate::backend::Backend;
use crate::cluster_slots::Layout;
use crate::connection::{LiveConnection, Node};
use crate::error::{ErrorClass, class, no_answer, odd_answer, settled, unavailable};
#[cfg(feature = "test-hooks")]
use crate::feed_settings::FeedFault;
use crate::topology::Topology;

/// A feed: a connection to each master.
pub(crate) struct RedisFeed {
    backend: Arc<Backend>,
    masters: Vec<Master>,
    /// In a cluster, the ids of these masters.
    ids: HashSet<String>,
}

/// A master, and the connection on which it reports.
struct Master {
    node: Arc<Node>,
    connection: LiveConnection,
    inbox: Arc<Inbox>,
    standing: Option<Standing>,
    /// In a cluster, what its nodes call it. It says so itself: a map may name another node at this address.
    id: Option<String>,
}

/// What a master answered in a turn.
#[derive(Debug, PartialEq, Eq)]
enum Answer {
    Fine,
    /// In a cluster there is a master to which the feed does not listen.
    MoreMasters,
    NoMaster,
}

/// Opens a feed.
///
/// # Errors
/// [`StoreError::Refused`] if a server cannot announce, or the user lacks a permission; others if a master does not
/// answer, or the set of masters is just changing.
pub(crate) async fn open(backend: &Arc<Backend>) -> Result<RedisFeed, StoreError> {
    backend.router.in_time(open_all(backend)).await.inspect_err(|_| backend.router.topology.request_refresh())
}

async fn open_all(backend: &Arc<Backend>) -> Result<RedisFeed, StoreError> {
    let topology = &backend.router.topology;
    let nodes = topology.masters().await?;
    let opened = all(nodes.into_iter().map(|node| Master::open(backend, node)).collect()).await;
    let masters = opened.into_iter().collect::<Result<Vec<_>, _>>()?;
    let ids = masters.iter().filter_map(|master| master.id.clone()).collect();
    let feed = RedisFeed { backend: Arc::clone(backend), masters, ids };
    // From here on everything is heard. If there are other masters by now, these are not all.
    for answer in feed.ask().await {
        match answer.map_err(|error| no_answer(&error))? {
            Answer::Fine => {}
            Answer::MoreMasters | Answer::NoMaster => {
                return Err(unavailable("the masters have just changed"));
            }
        }
    }
    tracing::debug!(masters = feed.masters.len(), "a feed is open");
    Ok(feed)
}

impl Master {
    async fn open(backend: &Arc<Backend>, node: Arc<Node>) -> Result<Self, StoreError> {
        let inbox = Arc::new(Inbox::new(backend.keys().clone()));
        let into = Arc::clone(&inbox);
        #[cfg(feature = "test-hooks")]
        let deaf = backend.feed.has(FeedFault::NullIsNothing);
        let heard = move |push| {
            #[cfg(feature = "test-hooks")]
            if deaf && inbox::is_flush(&push) {
                return;
            }
            into.add(&push);
        };
        let mut connection = node.listen(heard).await.map_err(|error| no_answer(&error))?;
        let mut track = redis::cmd("CLIENT");
        track.arg("TRACKING").arg("ON").arg("BCAST").arg("PREFIX").arg(backend.keys().all_notes());
        connection.send(&track).await.map_err(|error| {
            settled(
                &error,
                "this server cannot announce what ends: it does not track keys by prefix (Redis 6.0)",
            )
            .unwrap_or_else(|| no_answer(&error))
        })?;
        let id = match backend.router.topology.is_cluster() {
            true => Some(own_id(&mut connection).await?),
            false => None,
        };
        let standing = match backend.feed.confirm {
            Some(wait) => Some(Standing::new(wait, &node, &connection).await?),
            None => None,
        };
        Ok(Self { node, connection, inbox, standing, id })
    }

    fn is_open(&self) -> bool {
        self.connection.is_open() && self.standing.as_ref().is_none_or(Standing::is_open)
    }

    /// Asks for the role, and for the map of the cluster if `ids` are given: those of the masters that it may name.
    async fn ask(&self, ids: Option<&HashSet<String>>) -> Result<Answer, RedisError> {
        let mut questions = Pipeline::with_capacity(2);
        questions.cmd("ROLE");
        if ids.is_some() {
            questions.add_command(Layout::question());
        }
        let count = 1 + usize::from(ids.is_some());
        let answers = self.connection.clone().send_all(&questions, count).await?;
        let mut answers = answers.into_iter().map(Value::extract_error);
        let mut next = || answers.next().unwrap_or(Ok(Value::Nil));
        let is_master = matches!(next()?, Value::Array(role)
            if matches!(role.first(), Some(Value::BulkString(name)) if name == b"master"));
        if !is_master {
            return Ok(Answer::NoMaster);
        }
        let Some(ids) = ids else { return Ok(Answer::Fine) };
        let layout = Layout::read(&next()?);
        // A node that knows of no slots has left its cluster.
        match !layout.is_empty() && layout.master_ids().all(|id| ids.contains(id)) {
            true => Ok(Answer::Fine),
            false => Ok(Answer::MoreMasters),
        }
    }
}

impl RedisFeed {
    /// Asks all masters at the same time. In a cluster all of them are asked for the map, because each may be the
    /// first to know of a change; and in each turn, because an ending may be acknowledged right after the change.
    async fn ask(&self) -> Vec<Result<Answer, RedisError>> {
        let for_the_map = self.backend.router.topology.is_cluster();
        #[cfg(feature = "test-hooks")]
        let for_the_map = for_the_map && !self.backend.feed.has(FeedFault::NoMap);
        let ids = for_the_map.then_some(&self.ids);
        all(self.masters.iter().map(|master| master.ask(ids)).collect()).await
    }

    /// Whether Sentinels, if there are any, still name this master.
    async fn is_named(&self) -> Result<bool, StoreError> {
        let Topology::Sentinel(sentinel) = &self.backend.router.topology else { return Ok(true) };
        let named = sentinel.master().await?;
        Ok(self.masters.iter().all(|master| Arc::ptr_eq(&master.node, &named)))
    }

    /// # Errors
    /// If an answer proves nothing. `Ok` with why everything has to be forgotten, if it has to.
    fn judge(&self, answers: Vec<Result<Answer, RedisError>>) -> Result<Option<Lost>, StoreError> {
        if !self.masters.iter().all(Master::is_open) {
            return Ok(Some(Lost::Closed));
        }
        let mut failed = None;
        for answer in answers {
            match answer {
                Ok(Answer::Fine) => {}
                Ok(Answer::MoreMasters | Answer::NoMaster) => return Ok(Some(Lost::Moved)),
                Err(error) => match class(&error) {
                    ErrorClass::Lost => return Ok(Some(Lost::Closed)),
                    ErrorClass::Moved | ErrorClass::Ask | ErrorClass::ReadOnly => {
                        return Ok(Some(Lost::Moved));
                    }
                    #[cfg(feature = "test-hooks")]
                    ErrorClass::Later if self.backend.feed.has(FeedFault::BusyProves) => {}
                    _ => failed = Some(no_answer(&error)),
                },
            }
        }
        match failed {
            Some(error) => Err(error),
            None => Ok(None),
        }
    }
}

#[async_trait]
impl ChangeFeed for RedisFeed {
    async fn turn(&mut self, heard: &Heard) -> Result<Proven, StoreError> {
        let named = self.is_named().await;
        let answers = self.ask().await;
        // The driver has read everything that came before the answers. What was heard is reported, whatever else
        // this turn finds.
        let mut lost = None;
        for master in &self.masters {
            lost = master.inbox.empty(heard).or(lost);
        }
        let judged = self.judge(answers);
        lost = lost.or(judged.as_ref().ok().copied().flatten());
        lost = lost.or(matches!(named, Ok(false)).then_some(Lost::Moved));
        if let Some(why) = lost {
            tracing::debug!(%why, "a feed is lost");
            self.backend.router.topology.request_refresh();
            return Ok(Proven::Lost(why));
        }
        judged?;
        named?;
        let mut confirmed = true;
        for master in &mut self.masters {
            if let Some(standing) = &mut master.standing {
                confirmed &= standing.is_confirmed(&self.backend, &master.node).await;
            }
        }
        if !confirmed {
            return Err(unavailable("too few replicas confirm that this server is still their master"));
        }
        #[cfg(feature = "test-hooks")]
        if self.backend.feed.has(FeedFault::OneAnswer) {
            return Ok(Proven::ThisTurn);
        }
        Ok(Proven::TurnBefore)
    }
}

impl fmt::Debug for RedisFeed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let masters: Vec<_> = self.masters.iter().map(|master| &master.node.name).collect();
        f.debug_struct("RedisFeed").field("masters", &masters).finish_non_exhaustive()
    }
}

/// The id of the node of a cluster at the other end.
async fn own_id(connection: &mut LiveConnection) -> Result<String, StoreError> {
    let answer = connection.send(redis::cmd("CLUSTER").arg("MYID")).await;
    match answer.map_err(|error| no_answer(&error))? {
        Value::BulkString(id) => String::from_utf8(id).map_err(|_| odd_answer(false)),
        _ => Err(odd_answer(false)),
    }
}

/// Waits for all of these, in their order. They run in this task, so nothing is left of them if it is dropped.
async fn all<T>(futures: Vec<impl Future<Output = T>>) -> Vec<T> {
    let mut waiting: Vec<_> = futures.into_iter().map(|future| (Box::pin(future), None)).collect();
    poll_fn(|context| {
        let mut all = Poll::Ready(());
        for (future, answer) in &mut waiting {
            if answer.is_none() {
                match future.as_mut().poll(context) {
                    Poll::Ready(value) => *answer = Some(value),
                    Poll::Pending => all = Poll::Pending,
                }
            }
        }
        all
    })
    .await;
    waiting.into_iter().filter_map(|(_, answer)| answer).collect()
}
