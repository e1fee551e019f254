//! Where images and texts stand in objects of Kubernetes.
