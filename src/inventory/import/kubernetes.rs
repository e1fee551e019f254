//! Objects of Kubernetes: pods, and what makes pods.

use serde_json::Value;

use super::{ImportError, Reading, list, object, reference, scalar, text};
use crate::inventory::workload::{Imported, Workload, digest_of};

/// The lists of containers in a pod's spec, each with the list of their states.
const CONTAINERS: [(&str, &str); 3] = [
    ("containers", "containerStatuses"),
    ("initContainers", "initContainerStatuses"),
    ("ephemeralContainers", "ephemeralContainerStatuses"),
];

/// Reads an object, or a list of them; whether there is a workload's kind in it.
pub(super) fn read(object: &Value, reading: &mut Reading<'_, '_>) -> Result<bool, ImportError> {
    if let Some(items) = object.get("items").and_then(Value::as_array) {
        for item in items {
            one(item, reading)?;
        }
        // An empty list is what a cluster without pods has.
        return Ok(true);
    }
    one(object, reading)
}

fn one(object: &Value, reading: &mut Reading<'_, '_>) -> Result<bool, ImportError> {
    let kind = text(object, "kind");
    let spec = object.get("spec").unwrap_or(&Value::Null);
    let template = |spec: &Value| spec.pointer("/template/spec").cloned();
    let pod = match kind {
        "Pod" => Some(spec.clone()),
        "Deployment" | "StatefulSet" | "DaemonSet" | "ReplicaSet" | "ReplicationController" | "Job" => {
            template(spec)
        }
        "CronJob" => spec.pointer("/jobTemplate/spec").and_then(template),
        "PodTemplate" => object.pointer("/template/spec").cloned(),
        _ => None,
    };
    let Some(pod) = pod else { return Ok(false) };
    let metadata = object.get("metadata").unwrap_or(&Value::Null);
    let namespace = match text(metadata, "namespace") {
        "" => "default",
        namespace => namespace,
    };
    let (kind, name) = owner(kind, metadata);
    let status = object.get("status").unwrap_or(&Value::Null);
    for (containers, states) in CONTAINERS {
        for container in list(&pod, containers) {
            let named = text(container, "name");
            let state = list(status, states).iter().find(|state| text(state, "name") == named);
            let running = state.and_then(|state| digest_of(text(state, "imageID")));
            let image = text(container, "image");
            let mut imported = Imported {
                workload: Workload {
                    origin: reading.origin.to_owned(),
                    namespace: namespace.to_owned(),
                    kind: kind.clone(),
                    name: name.clone(),
                    container: named.to_owned(),
                    image: image.to_owned(),
                    notes: Vec::new(),
                },
                digest: running.or_else(|| image.contains('@').then(|| digest_of(image)).flatten()),
                ..Imported::default()
            };
            variables(container, &mut imported, reading);
            volumes(&pod, container, &mut imported);
            reading.add(imported)?;
        }
    }
    Ok(true)
}

/// What people know a pod by: what made it.
fn owner(kind: &str, metadata: &Value) -> (String, String) {
    let own = (kind.to_owned(), text(metadata, "name").to_owned());
    let owners = list(metadata, "ownerReferences");
    let is_it = |owner: &&Value| owner.get("controller").and_then(Value::as_bool).unwrap_or(false);
    let Some(owner) = owners.iter().find(is_it).or_else(|| owners.first()) else { return own };
    let (kind, name) = (text(owner, "kind"), text(owner, "name"));
    let hash = metadata.pointer("/labels/pod-template-hash").and_then(Value::as_str);
    let deployment = hash.and_then(|hash| name.strip_suffix(hash)?.strip_suffix('-'));
    match (kind, deployment) {
        ("ReplicaSet", Some(deployment)) => ("Deployment".to_owned(), deployment.to_owned()),
        // A pod of a node's own belongs to the node, which is no workload.
        ("" | "Node", _) => own,
        (kind, _) => (kind.to_owned(), name.to_owned()),
    }
}

fn variables(container: &Value, imported: &mut Imported, reading: &mut Reading<'_, '_>) {
    for variable in list(container, "env") {
        let name = text(variable, "name");
        if let Some(value) = variable.get("value").and_then(scalar) {
            reading.value(imported, name, &value);
        }
        if let Some(key) = variable.pointer("/valueFrom/secretKeyRef") {
            reference(imported, "secretKeyRef", name, text(key, "name"), text(key, "key"));
        }
    }
    for from in list(container, "envFrom") {
        if let Some(secret) = from.get("secretRef") {
            reference(imported, "envFrom", "", text(secret, "name"), "");
        }
    }
}

/// Secrets that the container mounts as files.
fn volumes(pod: &Value, container: &Value, imported: &mut Imported) {
    for mount in list(container, "volumeMounts") {
        let name = text(mount, "name");
        let Some(volume) = list(pod, "volumes").iter().find(|volume| text(volume, "name") == name) else {
            continue;
        };
        if let Some(secret) = volume.get("secret") {
            reference(imported, "volume", "", text(secret, "secretName"), "");
        }
        for source in volume.pointer("/projected/sources").and_then(Value::as_array).into_iter().flatten() {
            if object(source, "secret").is_some() {
                let secret = source.pointer("/secret/name").and_then(Value::as_str);
                reference(imported, "volume", "", secret.unwrap_or_default(), "");
            }
        }
    }
}
