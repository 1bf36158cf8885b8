"""The hand-off to torch: `dataloader`, samplers and collating.

It may import collection and everything below it; audits are its sibling and unknown to it. Another
consumer (JAX, say) is a module beside these.
"""

from __future__ import annotations

from mappedviz.loaders.loader import BatchSampler, dataloader, to_device, to_tensors

__all__ = ["BatchSampler", "dataloader", "to_device", "to_tensors"]
