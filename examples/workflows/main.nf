// One scan per store, then the audit of all of them, which needs the scans only:
//
//     nextflow run main.nf --data /atlas --label cell_type
//
// A store is passed by its path, not staged: so the audit names it by where it is.
params.data = 'data'
params.label = 'cell_type'
params.out = '.'

process SCAN {
    tag "${store}"

    input:
    val store

    output:
    path '*.scan'

    script:
    """
    mappedviz scan '${store}' -o . --workers 1 -q
    """
}

process AUDIT {
    publishDir params.out, mode: 'copy'

    input:
    path 'scans/*'

    output:
    path 'audit.html'
    path 'audit.json'

    script:
    """
    mappedviz audit scans --label '${params.label}' --fail-on never --html audit.html --json audit.json -q
    """
}

workflow {
    stores = Channel
        .fromPath("${params.data}/*.{h5ad,zarr,zarr.zip}", type: 'any')
        .map { it.toAbsolutePath().toString() }
    AUDIT(SCAN(stores).collect())
}
