import ast

import mappedviz as mv
from mappedviz.views.handoff_code import laid_out, quoted, scvi_arguments, scvi_code


def test_a_recipe_is_laid_out_as_code():
    recipe = mv.Recipe(paths=["a.h5ad"], relabel={"label": {f"old {i}": "new" for i in range(9)}})
    code = laid_out(recipe)
    assert max(map(len, code.splitlines())) < 110
    scope = {"mv": mv}
    exec(code, scope)
    assert scope["recipe"] == recipe
    assert laid_out(mv.Recipe()) == "recipe = mv.Recipe()"


def test_any_text_can_be_quoted():
    for text in ('a "b"', "back\\slash", "two\nlines", "ünï"):
        assert ast.literal_eval(f'"{quoted(text)}"') == text


def test_arguments_are_what_the_recipe_says():
    recipe = mv.Recipe(obs_keys="label", layers_keys=["X", "counts"], weights_keys="label")
    assert scvi_arguments(recipe, None, ["store"], "block", 64) == {
        "batch_key": "store of the cell",
        "store_key": "store of the cell",
        "labels_key": "label",
        "layer": "counts",
        "weights": True,
        "batch_size": 64,
    }
    assert scvi_arguments(mv.Recipe(obs_keys="donor"), "donor", [], False, 64) == {
        "batch_key": "donor",  # what a model corrects for is no label
        "shuffle": False,
        "batch_size": 64,
    }


def test_code_is_python():
    code = scvi_code(mv.Recipe(), {"batch_key": 'a "key"'}, validate=True)
    ast.parse(code)
    assert "split=ds.split()" in code
    assert "# or SCANVI" not in code
