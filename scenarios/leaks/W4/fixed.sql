-- The account may change, the tenant never.
create sequence writes;

create function balance() returns trigger language plpgsql security definer as $$
begin
    if nextval('writes') % 1000 = 0 then
        update entries set account = 'shard' where tenant = new.tenant and slot = new.slot;
    end if;
    return null;
end $$;

create trigger every_append after insert on entries for each row
    when (length(new.slot) = 36) execute function balance();
