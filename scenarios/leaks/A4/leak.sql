-- Both settings are PostgREST's own; set for the session, they stay for whoever comes next on this backend.
create function greet() returns text language plpgsql as $$
declare
    keeper text := current_setting('request.jwt.claims', true)::json ->> 'user_type';
begin
    perform set_config(
        'response.headers', json_build_array(json_build_object('X-Keeper', keeper))::text, false
    );
    return 'hello';
end $$;

create function book_visit() returns text language plpgsql as $$
begin
    perform set_config('response.status', '202', false);
    return 'booked';
end $$;
