"""Labels of methods: name, variant, and the dataset of the training."""

import pytest

from atombench.engine.method_name import MethodName
from atombench.errors import ConfigError


def test_a_method_name_is_split_into_name_variant_and_dataset() -> None:
    assert MethodName.read("regismcan+wide@ixi-t1") == MethodName("regismcan", "wide", "ixi-t1")
    assert MethodName.read("regismcan@ixi-t1").configured == "regismcan"
    assert MethodName.read("regismcan+wide@ixi-t1").configured == "regismcan+wide"


@pytest.mark.parametrize("text", ["", "a b", "regismcan+", "+x", "a@b+c", "a/../b", "Regis", "a+b+c"])
def test_an_invalid_method_name_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="expected a method such as"):
        MethodName.read(text)
