-- Reads with the caller's rights.
create function find_pets(word text) returns setof pets language sql stable security invoker as $$
    select * from pets where name like word || '%'
$$;
