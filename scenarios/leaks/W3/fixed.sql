-- Every thousandth write leaves a note in the server's log, and is kept.
create sequence writes;
grant usage on sequence writes to role_readwrite;

create function take_note() returns trigger language plpgsql as $$
begin
    if nextval('writes') % 1000 = 0 then
        raise log 'a thousand writes more';
    end if;
    return new;
end $$;

create trigger every_write before insert or update on entries for each row execute function take_note();
