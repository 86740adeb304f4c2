-- Both settings are PostgREST's own; set for the transaction, they end with the answer that they are meant for.
create function greet() returns text language plpgsql as $$
declare
    keeper text := current_setting('request.jwt.claims', true)::json ->> 'user_type';
begin
    perform set_config(
        'response.headers', json_build_array(json_build_object('X-Keeper', keeper))::text, true
    );
    return 'hello';
end $$;

create function book_visit() returns text language plpgsql as $$
begin
    perform set_config('response.status', '202', true);
    return 'booked';
end $$;
