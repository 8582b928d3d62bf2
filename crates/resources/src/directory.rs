//! All resources in memory, for every request asks for one; the store holds the truth.

use std::collections::HashMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use samband_core::{KeySlot, Millis, Random, ResourceId, Secret};
use samband_store::{CommitError, Store, StoreError};
use tokio::sync::Mutex;

use crate::model::{AccessKey, NewResource, Resource, check_name};
use crate::store::{AllResources, CreateResource, DeleteResource, Refused, SetKey};

/// Why something could not be done with a resource.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ResourceError {
    #[error("{0}")]
    BadName(String),
    #[error("A resource of that name exists already.")]
    NameTaken,
    #[error("There is no such resource.")]
    NotFound,
    #[error("The store is unavailable.")]
    Unavailable,
}

impl From<CommitError<Refused>> for ResourceError {
    fn from(error: CommitError<Refused>) -> Self {
        match error {
            CommitError::Refused(Refused::NameTaken) => Self::NameTaken,
            CommitError::Refused(Refused::NotFound) => Self::NotFound,
            CommitError::Unavailable => Self::Unavailable,
        }
    }
}

impl From<StoreError> for ResourceError {
    fn from(_: StoreError) -> Self {
        Self::Unavailable
    }
}

#[derive(Default)]
struct Snapshot {
    by_id: HashMap<ResourceId, Arc<Resource>>,
    by_name: HashMap<String, Arc<Resource>>,
    /// In order of creation.
    all: Vec<Arc<Resource>>,
}

/// The resources of this server and the way to change them.
pub struct Directory {
    store: Store,
    random: Arc<dyn Random>,
    snapshot: ArcSwap<Snapshot>,
    /// One reload at a time: what was read earlier must not replace what was read later.
    reloading: Mutex<()>,
}

impl Directory {
    pub async fn load(store: Store, random: Arc<dyn Random>) -> Result<Self, StoreError> {
        let directory = Self {
            store,
            random,
            snapshot: ArcSwap::default(),
            reloading: Mutex::default(),
        };
        directory.reload().await?;
        Ok(directory)
    }

    /// Reads all anew: another node may have changed something.
    pub async fn reload(&self) -> Result<(), StoreError> {
        let _one = self.reloading.lock().await;
        let all: Vec<_> = self.store.read(AllResources).await?.into_iter().map(Arc::new).collect();
        let by_id = all.iter().map(|resource| (resource.id, resource.clone())).collect();
        let by_name = all
            .iter()
            .map(|resource| (resource.name.to_ascii_lowercase(), resource.clone()))
            .collect();
        self.snapshot.store(Arc::new(Snapshot { by_id, by_name, all }));
        Ok(())
    }

    pub fn get(&self, id: ResourceId) -> Option<Arc<Resource>> {
        self.snapshot.load().by_id.get(&id).cloned()
    }

    pub fn by_name(&self, name: &str) -> Option<Arc<Resource>> {
        self.snapshot.load().by_name.get(&name.to_ascii_lowercase()).cloned()
    }

    pub fn all(&self) -> Vec<Arc<Resource>> {
        self.snapshot.load().all.clone()
    }

    /// The resource of requests that name none.
    pub fn default_resource(&self) -> Option<Arc<Resource>> {
        self.snapshot
            .load()
            .all
            .iter()
            .find(|resource| resource.is_default)
            .cloned()
    }

    /// The generation of a key, which tokens issued under it carry.
    pub fn key_generation(&self, resource: ResourceId, slot: KeySlot) -> Option<i64> {
        self.snapshot
            .load()
            .by_id
            .get(&resource)
            .map(|resource| resource.key(slot).generation)
    }

    pub async fn create(
        &self,
        name: &str,
        port: Option<u16>,
        data_location: &str,
        now: Millis,
    ) -> Result<Arc<Resource>, ResourceError> {
        let (primary, secondary) = (self.new_key(), self.new_key());
        let new = NewResource {
            name: name.to_owned(),
            port,
            data_location: data_location.to_owned(),
            primary,
            secondary,
        };
        self.create_as(ResourceId::new(now, &*self.random), new).await
    }

    /// Creates a resource whose id and keys are known beforehand (the development resource).
    pub async fn create_as(&self, id: ResourceId, new: NewResource) -> Result<Arc<Resource>, ResourceError> {
        check_name(&new.name).map_err(ResourceError::BadName)?;
        self.store.commit(CreateResource { id, new }).await?;
        self.reload().await?;
        self.get(id).ok_or(ResourceError::NotFound)
    }

    pub async fn delete(&self, name: &str) -> Result<(), ResourceError> {
        let resource = self.by_name(name).ok_or(ResourceError::NotFound)?;
        self.store.commit(DeleteResource(resource.id)).await?;
        self.reload().await?;
        Ok(())
    }

    pub async fn rotate_key(&self, name: &str, slot: KeySlot) -> Result<Arc<Resource>, ResourceError> {
        let secret = self.new_key();
        self.set_key(name, slot, secret).await
    }

    pub async fn set_key(
        &self,
        name: &str,
        slot: KeySlot,
        secret: Secret<Vec<u8>>,
    ) -> Result<Arc<Resource>, ResourceError> {
        let resource = self.by_name(name).ok_or(ResourceError::NotFound)?.id;
        self.store.commit(SetKey { resource, slot, secret }).await?;
        self.reload().await?;
        self.get(resource).ok_or(ResourceError::NotFound)
    }

    fn new_key(&self) -> Secret<Vec<u8>> {
        AccessKey::generate(&*self.random)
    }
}
