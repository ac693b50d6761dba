"""What all workers agree on, as records of the topic `deployment`: settings, versions, identities, rebuilds."""
