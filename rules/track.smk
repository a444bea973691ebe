localrules:
    track,


# The store is a mirror: updated in place, restored if the job fails, recreated from the records if deleted. If
# MLFLOW_TRACKING_URI names a server, the runs go there and a receipt takes the store's place.
rule track:
    input:
        runs=all_lists,
    output:
        mirror=update(MIRROR),
    log:
        "logs/track.log",
    benchmark:
        "results/benchmarks/track.tsv"
    conda:
        "../envs/atombench.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=60,
    params:
        code=code_digest("atombench.commands.track"),
        store=lambda wildcards: STORE,
        receipt="" if MIRROR == STORE else f"--receipt {MIRROR}",
    shell:
        "atombench track {input.runs} --store {params.store} {params.receipt} --log {log}"
