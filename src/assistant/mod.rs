//! One turn in, replies out: the driver that performs what the pure parts decide, and the wording.
