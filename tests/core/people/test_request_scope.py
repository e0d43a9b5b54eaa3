from core.people.request_scope import scope_for


def test_world(world, scope_of, sign_in):
    with scope_of("engineer") as scope:
        assert scope.project_ids == {world.own.project_id}
    client = sign_in("engineer")
    assert client.get("/").status_code == 404
