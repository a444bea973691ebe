rule evaluate:
    input:
        data=from_plan(PLAN.data),
        manifest=f"{BOARD}/manifest.parquet",
        weights=from_plan(PLAN.trained, "weights.safetensors"),
        curve=from_plan(PLAN.trained, "curve.jsonl"),
        training=from_plan(PLAN.trained, "training.json"),
        predictions=f"{ANSWERED}/predictions.parquet",
        predicting=f"{ANSWERED}/predicting.json",
        swaps=f"{ANSWERED}/swaps.parquet",
    output:
        record=f"{ANSWERED}/record.json",
    log:
        "logs/evaluate/{task}-{dataset}-{board}-{method}-{seed}-{condition}.log",
    benchmark:
        "results/benchmarks/evaluate/{task}-{dataset}-{board}-{method}-{seed}-{condition}.tsv"
    wildcard_constraints:
        method=one_of({run.method for run in PLAN.measured}),
    conda:
        "../envs/atombench.yaml"
    threads: 1
    resources:
        mem_mb=per_attempt(6000),
        runtime=per_attempt(30),
    params:
        folder=data_folder,
        restricted=from_plan(PLAN.restricted),
        code=from_plan(PLAN.step_code, "evaluate"),
    shell:
        "atombench evaluate {wildcards.task}/{wildcards.dataset}/{wildcards.board} --method {wildcards.method}"
        " --data {params.folder} --manifest {input.manifest} --weights {input.weights} --predictions {input.predictions}"
        " --training {input.training} --curve {input.curve} --predicting {input.predicting} --swaps {input.swaps}"
        " --condition {wildcards.condition} --seed {wildcards.seed} --out {output.record} --log {log}"
