"""Skip-gram with negative sampling: the fused CPU kernel, plain torch, Triton."""
