// The bridge is built from packages/bridge and copied here, so that a build needs no Node. This is its place until then.
