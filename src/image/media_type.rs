//! Media types of manifests, indexes, configs and layers: what the field uses, in OCI's and Docker's words.
