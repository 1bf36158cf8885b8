"""What is known of the demo collection: counted with anndata 0.12.19."""

DEMO = {
    "pbmc3k_processed.v3sharded.zarr": (2638, 13714, "csr", 2238732, "louvain", 8),
    "10x_pbmc68k_reduced.h5ad": (700, 765, "dense", None, "bulk_labels", 10),
    "pbmc_5k_protein_v3.v3.zarr.zip": (200, 16581, "csr", 387353, None, 0),
    "pbmc5k_small_cd4_vs_cd8.h5ad": (500, 2000, "csr", 100934, "cell_type", 2),
    "spectra_breast_immune.h5ad": (1000, 6397, "csr", 666173, "cell_type_annotations", 14),
}
ALIAS = {"cell_type": ["cell_type", "bulk_labels", "louvain", "cell_type_annotations"]}
