rule evaluate:
    input:
        volumes="results/data/{dataset}/x{scale}/volumes.npz",
        manifest=f"{BOARD}/manifest.parquet",
        weights=trained("weights.safetensors"),
        curve=trained("curve.jsonl"),
        predictions=f"{UNIT}/predictions.parquet",
        training=trained("training.json"),
        predicting=f"{UNIT}/predicting.json",
        swaps=f"{UNIT}/swaps.parquet",
    output:
        record=f"{UNIT}/record.json",
    log:
        "logs/evaluate/{dataset}-{gathering}-{split}-x{scale}-{method}-{seed}.log",
    benchmark:
        "results/benchmarks/evaluate/{dataset}-{gathering}-{split}-x{scale}-{method}-{seed}.tsv"
    wildcard_constraints:
        method=one_of({unit.method for unit in RUN.units()}),
    conda:
        "../envs/atombench.yaml"
    threads: 1
    resources:
        mem_mb=growing(6000),
        runtime=growing(30),
    params:
        role=method_role,
        restricted=restricted,
        code=code_digest("atombench.commands.evaluate"),
    shell:
        "atombench evaluate {wildcards.method} --volumes {input.volumes} --manifest {input.manifest}"
        " --weights {input.weights} --predictions {input.predictions} --training {input.training} --curve {input.curve}"
        " --predicting {input.predicting} --swaps {input.swaps} --seed {wildcards.seed} --out {output.record} --log {log}"
