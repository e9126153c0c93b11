//! Faults on the wire cost time, never bytes.
