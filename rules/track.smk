localrules:
    track,


# The store is a mirror: updated in place, given back as it was if the job fails, made anew from the records if deleted.
rule track:
    input:
        runs=all_runs,
    output:
        store=update("results/mlflow/mlflow.db"),
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
    shell:
        "atombench track {input.runs} --store {output.store} --log {log}"
